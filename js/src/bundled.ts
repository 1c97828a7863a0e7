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
  { number: 1, name: "mnist-2", id: "a1ed37aec32e5460", tile: [28, 28], channels: 1 },
  { number: 2, name: "alphabet-2", id: "117279221e3726b1", tile: [28, 28], channels: 1 },
  { number: 3, name: "cifar-4", id: "3df29653ba9b0dad", tile: [32, 32], channels: 3 },
  { number: 4, name: "photo-2", id: "f147d5460ead4049", tile: null, channels: 3 },
];
