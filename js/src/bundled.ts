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
  { number: 5, name: "mnist-3", id: "1d22ffc0bbae0e64", tile: [28, 28], channels: 1 },
  { number: 6, name: "alphabet-3", id: "d4ff0e832ba14289", tile: [28, 28], channels: 1 },
  { number: 7, name: "cifar-5", id: "7c9d64f834873cb9", tile: [32, 32], channels: 3 },
  { number: 8, name: "photo-4", id: "e5ea316b26ed00c6", tile: null, channels: 3 },
  { number: 9, name: "photo-5", id: "0c1be7658b5f7d58", tile: null, channels: 3 },
  { number: 10, name: "photo-6", id: "71af553f7b89938a", tile: null, channels: 3 },
];
