// Package dependency reads and rewrites the dependency descriptor: the RTP
// header extension that says of a frame which others it needs and who needs it,
// whatever the codec (RTP Payload Format For AV1, appendix A).
//
// It sees the extension's bytes only, never the payload, so it works on streams
// that are encrypted end to end. A descriptor is usually three bytes that name
// a template; the templates come with key frames. So there is a State for each
// source (one SSRC), a value owned by the loop that reads the source. It calls
// Parse for each packet; Descriptor.Apply then puts what was read into a
// simulcast.Info. The send loop writes the frame number over a copy with
// PatchNumber; where the set of active decode targets has to be told, it makes
// the extension anew with Descriptor.Append.
//
// Words, as the specification has them: a decode target is a part of the stream
// that can be decoded with a certain size and rate of pictures; an indication
// says what a frame is to a decode target (A.2); a chain is the frames without
// which its targets cannot be decoded, each of which says how far back the
// previous is (A.5).
//
// Nothing here allocates or panics, whatever the input. Frame numbers count
// modulo 65536, differences are in frames.
package dependency
