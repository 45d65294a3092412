/**
 * The shapes of everything that passes between the server, the state and the views. Types only: nothing runs here.
 *
 * A view is a file of js/views/: `drawX(context, model)` draws from `model` alone, and `mountX(element, store, actions)` fills the
 * element of its slot, subscribes to the store and calls it. A subscriber is called at most once an animation frame, after changes,
 * with (state, before): compare `state.frame !== before.frame` and the like to draw only what changed. Every value in the state is
 * replaced, never changed in place, except the arrays inside `Curves`: its object is a new one whenever they have grown.
 *
 * A slot's element has a size given by the page's layout, `position: relative` and no content of its own; a view fills it and
 * watches it with a ResizeObserver. Colours come from the custom properties of style/tokens.css (`--category-0`, `--ink`, ...).
 *
 * @module types
 */

/** @typedef {number | string} Value */

/** An experiment's fields by name, all of them.
 * @typedef {Record<string, Value>} Experiment */

/** One field as /api/fields tells it.
 * @typedef {{name: string, type: "int" | "float" | "choice" | "text", default: Value, choices?: string[], help: string,
 *   equation?: string, group: "points" | "network" | "problem" | "method" | "start" | "run", methods?: string[], rules?: string[]}} Field */

/** A stop of the tour: an address with what it shows.
 * @typedef {{title: string, text: string, address: string}} Stop */

/** The answer of /api/fields.
 * @typedef {{fields: Field[], rules: Record<string, {constants: Record<string, number>}>, activations: string[],
 *   sets: Record<string, {n: number, noise: number, categories: number}>, methods: Record<string, any>,
 *   limits: Record<string, number>, tour: Stop[], version: string}} Fields */

/** Where layer l's weights and biases lie in p; W is column by column.
 * @typedef {{l: number, width: number, activation: string, W: [offset: number, rows: number, columns: number], b: [offset: number, n: number]}} Layer */

/** A point: x1, x2, category, and 1 when it is held out.
 * @typedef {[x1: number, x2: number, category: number, held: number]} Point */

/** The rectangle of the plane that is shown: x1min, x1max, x2min, x2max.
 * @typedef {[number, number, number, number]} Extent */

/** The answer of /api/open.
 * @typedef {{run: string, experiment: Experiment, address: string, step: number, rebuilt: boolean, status: Status, layers: Layer[],
 *   size: number, points: Point[], categories: string[], extent: Extent, N: number, epoch_steps: number, scale_of_cost: number}} Opened */

/** @typedef {"ready" | "running" | "finished" | "converged" | "diverged" | "stopped"} Status */

/** Where and how a run left the finite numbers.
 * @typedef {{step: number, rate: number, weight: string, value: number | null, last: number}} Divergence */

/** A frame's header.
 * @typedef {{step: number, cost: number | null, held_out: number | null, gradient: number | null, right: number, held_right: number | null,
 *   saturated: number[], largest: number, rate: number, epoch: number, status: Status, message: string, seen: number, seconds: number,
 *   behind: number, run: string, diverged?: Divergence | null, nudge?: boolean, preparing?: boolean,
 *   sections: {name: string, dtype: "float64" | "float32" | "uint8" | "int32", shape: number[]}[]} & Record<string, any>} Header */

/** @typedef {Float64Array | Float32Array | Uint8Array | Int32Array} Numbers */

/** A decoded frame: typed arrays on the answer's own buffer.
 * @typedef {{header: Header, p: Float64Array, grid: {n: number, values: Float32Array} | null, category: Uint8Array | null,
 *   costs: Float64Array | null, held: Float64Array | null, norms: Float64Array | null, sections: Record<string, {shape: number[], values: Numbers}>}} Frame */

/** The curves of a run so far: bins of costs with their first and last steps, least and greatest, thinned at 8,192 bins. Only the
 * first `length` entries count; `version` changes with the content.
 * @typedef {{length: number, first: Float64Array, last: Float64Array, min: Float64Array, max: Float64Array,
 *   held: {length: number, step: Float64Array, value: Float64Array}, norms: {length: number, step: Float64Array, value: Float64Array},
 *   version: number}} Curves */

/** What the reader chose to see; none of it changes the experiment.
 * @typedef {{plane: string, curve: "semilog" | "loglog", theme: "auto" | "light" | "dark", projector: boolean, grid: number,
 *   tool: "add" | "move" | "delete", category: number, values: boolean} & Record<string, any>} Options */

/** A run kept for comparison.
 * @typedef {{experiment: Experiment, opened: Opened, frame: Frame | null, curves: Curves}} Pinned */

/** @typedef {"network" | "walk" | "compare" | "multistart" | "surface" | "images"} Tab */

/** What the page knows. `shown` is the step shown (or asked for), `reached` the last step of the history so far; `error` is the
 * server's line on what it could not do, `refused` that it was to open this experiment, beside the last good one in `opened`; `undo` and `redo` count what can be undone.
 * @typedef {{fields: Fields | null, experiment: Experiment, opened: Opened | null, frame: Frame | null, playing: boolean,
 *   speed: number, shown: number, reached: number, cost: Curves, pinned: Pinned | null, options: Options,
 *   chosen: {point: number | null, neuron: [l: number, j: number] | null}, message: string, error: string, refused: boolean,
 *   connection: "ok" | "lost" | "locked" | "rebuilt", opening: boolean, tab: Tab, undo: number, redo: number}} AppState */

/** @typedef {(state: AppState, before: AppState) => void} Subscriber */

/** @typedef {{get(): AppState, set(patch: Partial<AppState>): void, subscribe(fn: Subscriber): () => void}} Store */

/** What the reader can do. Views and controls call these and nothing else.
 * @typedef {Object} Actions
 * @property {(name: string, value: Value) => void} setField  change one field of the experiment and open it anew
 * @property {(patch: Record<string, Value>) => void} setFields  change several at once
 * @property {(x1: number, x2: number, category: number) => void} addPoint
 * @property {(i: number, x1: number, x2: number) => void} movePoint  while dragging: called as often as one likes
 * @property {(i: number) => void} deletePoint
 * @property {(i: number, category: number) => void} setCategory
 * @property {() => void} undo
 * @property {() => void} redo
 * @property {() => void} play
 * @property {() => void} pause
 * @property {() => void} toggle  play or pause
 * @property {() => void} stepOnce
 * @property {() => void} epochOnce
 * @property {(step: number) => void} scrub  show the state at this step of the history
 * @property {() => void} rewind  back to step 0
 * @property {() => void} newSeed  a new start with another seed
 * @property {(rate: number) => void} changeRate  from the step shown on; joins the experiment's `changes`
 * @property {(speed: number) => void} setSpeed  steps a frame; 0 is flat out
 * @property {(i: number | null) => void} choosePoint
 * @property {(l: number | null, j?: number) => void} chooseNeuron
 * @property {(name: string, value: any) => void} option
 * @property {(tab: Tab) => void} show  a tab of the page
 * @property {() => void} pin  keep this run for comparison
 * @property {() => void} unpin
 * @property {(address: string, step?: number) => Promise<void>} open  the experiment of an address such as "rate=0.1&layers=2-4-2"
 * @property {(experiment: Record<string, Value>, step?: number) => Promise<void>} openExperiment  the same from fields (a start of multistart)
 * @property {(body: Record<string, any>) => Promise<void>} exportAs  {what, format?, view?}: download it
 * @property {(path: string, body: Record<string, any>) => Promise<any>} ask  a JSON question of the run shown: ask("walk", {...})
 * @property {(path: string, body: Record<string, any>) => Promise<Frame>} askBinary  the same with a binary answer: askBinary("nudge", {...})
 * @property {(path: string, body: Record<string, any>) => Promise<any>} post  a JSON question that belongs to no run: post("api/multistart", ...)
 * @property {(path: string, body: Record<string, any>) => Promise<Frame>} postBinary  the same with a binary answer
 * @property {(body: Record<string, any>) => Promise<Frame>} slice  of the cost around the run shown, for /api/surface
 * @property {(path: string) => Promise<any>} get  what stands there: get("api/images")
 * @property {(path: string, file: Blob) => Promise<Frame>} upload  a file's bytes, with a binary answer: upload("api/images/.../classify", file)
 * @property {(message: string) => void} say  to the status line and screen readers
 */

export {};
