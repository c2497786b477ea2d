/**
 * A participant of full-mesh MatrixRTC calls. README.md says how to embed it.
 */
export { Call } from "./call.js";
export { LocalMedia, MediaError } from "./media.js";
export { SocketSignaller } from "./socket.js";
export { makeMatrix } from "./report.js";
