/** Lets Node find modules under the addresses that they have on the server. */
import { register } from "node:module";

const root = new URL("../../../", import.meta.url).href; // web/call
register(`data:text/javascript,${encodeURIComponent(`
  export const resolve = (name, context, next) => next(name.startsWith("/call/") ? ${JSON.stringify(root)} + name.slice(6) : name, context);
`)}`);
