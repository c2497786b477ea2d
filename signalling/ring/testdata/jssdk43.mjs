// Asks matrix-js-sdk 43 whether notifications ring: cases as JSON lines in,
// "" or the reason why not as JSON lines out.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

for (const level of ["log", "info", "debug", "warn"]) console[level] = console.error; // the SDK is chatty
const { parseCallNotificationContent } = await import(pathToFileURL(process.argv[2] + "/lib/matrixrtc/types.js").href);

/** An event as the SDK asks for it. */
function event(e) {
    return {
        getType: () => e.type, getContent: () => e.content, getId: () => e.event_id, getSender: () => e.sender,
        getTs: () => e.origin_server_ts, getStateKey: () => e.state_key, getRoomId: () => "!r:hs",
        unstableStickyInfo: e.sticky ? {} : undefined, isDecryptionFailure: () => false, isEncrypted: () => false,
    };
}

/** The room around a notification. */
function room(c) {
    const state = c.state.map(event);
    const current = {
        getStateEvents: (type, key) => {
            const found = state.filter((e) => e.getType() === type);
            return key === undefined ? found : found.find((e) => e.getStateKey() === key) ?? null;
        },
        mayTriggerNotifOfType: () => c.may_call_room,
    };
    return {
        getLiveTimeline: () => ({ getState: () => current }),
        getUnfilteredTimelineSet: () => ({
            relations: {
                getChildEventsForEvent: () => ({ getRelations: () => (c.declined ? [{ getSender: () => c.user }] : []) }),
            },
        }),
        _unstable_getKeyedStickyEvent: (sender, type) =>
            type === c.event.type && sender === c.event.sender ? { getId: () => (c.replaced ? "$later" : c.event.event_id) } : undefined,
        _unstable_getStickyEvents: () => [],
    };
}

for await (const line of createInterface({ input: process.stdin })) {
    const c = JSON.parse(line);
    let reason = "";
    try {
        await parseCallNotificationContent(event(c.event), { room: room(c), userId: c.user, now: c.now });
    } catch (error) {
        reason = error.message || "?";
    }
    process.stdout.write(JSON.stringify(reason) + "\n");
}
