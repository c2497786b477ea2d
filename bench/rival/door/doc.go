// Package door is how parties of a benchmark come into a forwarder that has no
// signalling of its own: over HTTP, an offer in and an answer out, as WHIP and
// WHEP do it, with all candidates in both.
//
//	POST /publish?room=R&party=P           the offer sends one picture
//	POST /subscribe?room=R&party=P&from=A&from=B…   a section for each, in order
//	POST /choose?room=R&party=P&layer=N    another layer for one who subscribes, if there are
//	GET  /stats                            Usage, as JSON
//	POST /whip/STREAM                      WHIP as it is standardised, which publishes (RFC 9725)
//	POST /whep/STREAM                      WHEP, which subscribes (draft-ietf-wish-whep-03)
//	DELETE /session/PARTY                  the end of either, where their Location says
//	GET  /debug/pprof/…                    where it spends what (net/http/pprof)
//
// Errors are 400 with a sentence. But for sessions of WHIP and WHEP nothing is ever
// taken back: a benchmark ends with the process. It is for benchmarks alone, believes everybody and has no
// bounds; nothing of it may listen where others can come.
package door
