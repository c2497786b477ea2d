/**
 * The shapes that the modules of this library hand to one another, and to who embeds it. Nothing here runs.
 *
 * Times are milliseconds since 1970, durations milliseconds, levels and losses 0 to 1, bitrates bits per second.
 *
 * @typedef {{user_id: string, device_id: string}} Party A Matrix user on one device.
 * @typedef {{type: string, state_key: string, sender: string, event_id: string, origin_server_ts: number, content: any}} StateEvent
 * @typedef {StateEvent & {until: number, duration?: number, device?: string}} StickyEvent A sticky event (MSC4354), which
 *   has no state key. until: end of stickiness; device: the one that encrypted it
 * @typedef {{user_id: string, name?: string}} RoomUser A user who is joined to the room.
 * @typedef {{events: StateEvent[], members: RoomUser[], sticky?: StickyEvent[]}} RoomState The whole call state of the room, each time.
 * @typedef {{code: string, words: string, fatal?: boolean, retry_after_ms?: number}} Trouble `words` is a sentence for people.
 *
 * @typedef {object} Welcome What a signaller says once it is connected, and again after every reconnection.
 * @property {{user_id: string, device_id: string, session_id: string, name: string}} self
 * @property {{id: string, name?: string, conf_id?: string, slot_id?: string, encrypted?: boolean}} room
 * @property {RTCIceServer[]} ice_servers
 * @property {boolean} [relay_only] media only through a relay
 * @property {boolean} [encrypt_frames] the members of the call encrypt sound and picture from end to end
 * @property {boolean} [encrypt_forwarded] what goes through a member that forwards is; undefined: in encrypted rooms
 * @property {number} [max_members] how many meet in the mesh; 8 when absent
 * @property {string} [seat] secret by which the same device can be taken again
 * @property {boolean} [resumed]
 * @property {string} [server]
 *
 * @typedef {object} Incoming A to-device message as a signaller hands it on.
 * @property {Party} from for clear text the device is a claim
 * @property {boolean} encrypted it came inside Olm
 * @property {boolean} [authenticated] this browser itself decrypted it
 * @property {boolean} [verified] a person has verified the device, or its owner
 * @property {string} event `m.call.invite` and so on
 * @property {any} content
 *
 * @typedef {object} Handler What a signaller calls. All are called from outside of any call into the signaller.
 * @property {(welcome: Welcome) => void} welcome
 * @property {(state: RoomState) => void} state
 * @property {(message: Incoming) => void} signal
 * @property {(reports: PartyReport[]) => void} reports
 * @property {(servers: RTCIceServer[]) => void} iceServers
 * @property {(trouble: Trouble) => void} trouble
 * @property {(party: Party, words: string) => void} [distrust] messages of a device are refused, and why
 * @property {() => void} down the way to the server is lost; the signaller goes on trying
 * @property {() => void} up it is back
 * @property {() => void} [hangUp] we are no member any more, or that is on its way ahead of what is sent now: messages that end calls are to go
 *
 * @typedef {object} Signaller The way to the room: SocketSignaller, or your own.
 * @property {(handler: Handler) => void} start
 * @property {(feeds: string[], via?: Party|null) => Promise<void>} enter become a member, or change what the membership
 *   says: the feeds, and the member that forwards to whom we send (null: to all)
 * @property {(to: Party, event: string, content: any) => Promise<void>} send settles when the homeserver took the message, or gave it up; it may take long while the server is away
 * @property {(report: Report) => void} report tell the others what we see; may do nothing
 * @property {() => Promise<void>} leave takes the membership back, then has the handler hang up: who hears of the end of a call
 *   while it sees the membership calls again
 * @property {() => void} close
 * @property {() => Promise<RTCIceServer[]>} [freshServers] relays refuse the name and password that the signaller gave: others, if it can get any
 * @property {() => void} [check] look at once whether the connection still lives
 *
 * @typedef {'flows'|'muted'|'stalled'|'none'|'connecting'|'unknown'} Verdict
 * @typedef {{audio: Verdict, video: Verdict, bitrate: number}} ReportOut
 * @typedef {{audio: Verdict, video: Verdict, bitrate: number, fps?: number, width?: number, height?: number}} ReportIn
 * @typedef {{user_id: string, device_id: string, state: string, words?: string, trust?: string, via?: Party, out: ReportOut, in: ReportIn}} ReportLink
 * @typedef {{links: ReportLink[]}} Report At most 8 KiB as JSON.
 * @typedef {{party: Party, at: number, report: Report}} PartyReport
 * @typedef {{trust: import("./proof.js").Mutual, via?: string, audio: Verdict, video: Verdict, from?: ReportOut, to?: ReportIn, words?: string}} Cell words: why nothing flows, by one end's word
 * @typedef {{parties: {key: string, name: string}[], cells: Map<string, Cell>}} Matrix cells are keyed "from>to"
 *
 * @typedef {'waiting'|'calling'|'connecting'|'connected'|'reconnecting'|'failed'|'refused'} PeerState
 * @typedef {{id: string, purpose: string, stream: MediaStream, audioMuted: boolean, videoMuted: boolean}} PeerStream
 *
 * @typedef {object} PeerStats
 * @property {number|null} rttMs
 * @property {number|null} lossIn
 * @property {number|null} lossOut
 * @property {number} bitrateIn
 * @property {number} bitrateOut
 * @property {number} width of the incoming picture; 0 when there is none
 * @property {number} height
 * @property {number} fps
 * @property {string} codecVideo `VP8`
 * @property {string} codecAudio `opus`
 * @property {'direct'|'relay'} path
 * @property {'udp'|'tcp'} protocol
 * @property {number} framesDecoded
 * @property {number} bytesIn
 * @property {number} bytesOut
 * @property {number} layersOut encodings of the camera that are being sent now
 *
 * @typedef {object} Peer One other device, as it is now.
 * @property {string} key "@user:server/DEVICE"
 * @property {string} user_id
 * @property {string} device_id
 * @property {string} name
 * @property {PeerState} state
 * @property {number} since when the state began
 * @property {string} words what is going on, for people; "" when all is well
 * @property {boolean} caller we call it
 * @property {boolean} encrypted
 * @property {boolean} authenticated
 * @property {import("./proof.js").Trust} trust what the messages of the call proved
 * @property {string} [theirs] the same, of us, as the device reports it
 * @property {PeerStream[]} streams
 * @property {boolean} speaking
 * @property {number} level
 * @property {PeerStats|null} stats of the connection with it; of one who comes through another, what of that is its
 * @property {{key: string, name: string, sealed: boolean, width: number, height: number}} [via] it comes through this member, who forwards; sealed: frames
 *   are encrypted from end to end; width and height of the largest picture of its camera that there is, 0 when nobody knows
 * @property {true} [forwards] it passes on what others send it
 *
 * @typedef {{key: string, purpose: string, width: number, height: number}} Shown how large a picture of a peer is shown
 *
 * @typedef {{state: import("./via.js").ViaState, key: string, name: string, words: string}} Through how we go through a member
 *   that forwards; words for people
 *
 * @typedef {'idle'|'connecting'|'joined'|'reconnecting'|'left'|'refused'} CallState
 *
 * @typedef {object} Snapshot
 * @property {CallState} state
 * @property {Trouble|null} error
 * @property {{user_id: string, device_id: string, session_id: string, name: string, key: string}|null} self
 * @property {{id: string, name: string}|null} room
 * @property {string} call
 * @property {string} seat
 * @property {number} maxMembers
 * @property {Peer[]} peers
 * @property {Map<string, {at: number, report: Report}>} reports
 * @property {Through|null} through null where nobody asked for it
 * @property {Matrix} matrix
 */

export {};
