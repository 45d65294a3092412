/**
 * The answers about saved runs of images. Types only: nothing runs here.
 *
 * @module imageruns/types
 */

/** A saved run in the list. right: the share of validation images that is right; saved: when, in seconds since 1970.
 * @typedef {{id: string, name: string, experiment: string, dropout: boolean, layers: string, step: number, epochs: number, of: number | null,
 *   status: string, training: boolean, right: number | null, saved: number}} RunInfo */

/** Objective, and errors in per cent, by epoch: "cost", "held_out", "top1", "held_out_top1", "top5", "held_out_top5".
 * @typedef {RunInfo & {message: string, epoch: number[], curves: Record<string, (number | null)[]>, seconds?: number, speed?: number}} CurvesAnswer */

/** The confusion matrix: rows predicted, columns true; cells: K + 1 by K + 1 pairs of texts. newer: the file has a later state.
 * @typedef {{classes: string[], counts: number[][], cells: [above: string, below: string][][], images: number, accuracy: number | null,
 *   top5: number | null, wrong: number, probabilities: boolean, epochs: number, newer: boolean}} MatrixAnswer */

/** Images with what the network says of them. image: which test images, from 1; pixels: (n, H, W, C); outputs: (n, K).
 * @typedef {{of: number, first: number, classes: string[], probabilities: boolean, image: number[], true: number[], predicted: number[],
 *   pixels: Pixels, outputs: ArrayLike<number>}} Gallery */

/** Pictures one after the other, n of H by W with C channels, whole numbers 0 to 255 or weights.
 * @typedef {{values: ArrayLike<number>, n: number, H: number, W: number, C: number}} Pixels */

/** A stage of the network for one image: maps (n, H, W, 1) or a vector; scale: the values that are black and white.
 * @typedef {{title: string, bars: boolean, scale: [number, number], maps: Pixels | null, values: ArrayLike<number>}} StageAnswer */

/** An image, taken apart. image: which test image, or null for a file; true: its class, where it is known.
 * @typedef {{image: number | null, of: number | null, true: number | null, predicted: number, classes: string[], probabilities: boolean,
 *   epochs: number, pixels: Pixels, outputs: ArrayLike<number>, stages: StageAnswer[]}} Apart */

/** The filters of the first layer, channel by channel (n, C, H, W). dense: these are weights of a dense layer's neurons.
 * @typedef {{of: number, dense: boolean, whitened: boolean, n: number, C: number, H: number, W: number, values: ArrayLike<number>}} Filters */

export {};
