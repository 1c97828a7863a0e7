/** Section 4.6: the models that have a number. */

export interface BundledModel {
  number: number;
  name: string;
  id: string;
  /** [height, width] in pixels. */
  tile: [number, number] | null;
  channels: number;
}

export const BUNDLED: readonly BundledModel[] = [
  { number: 1, name: "mnist-2", id: "c4b98a9d9a450785", tile: [28, 28], channels: 1 },
  { number: 2, name: "alphabet-2", id: "f594a9f61d2356a8", tile: [28, 28], channels: 1 },
  { number: 3, name: "cifar-4", id: "938997bd083050a7", tile: [32, 32], channels: 3 },
  { number: 4, name: "photo-2", id: "9788c4d895c78408", tile: null, channels: 3 },
];
