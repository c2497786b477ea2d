// Package mediafile turns media files, and RTP arriving on a UDP port, into
// local tracks that play in real time.
//
// It reads IVF with VP8, VP9 or AV1; H.264 in annex B form; and Opus in Ogg
// (RFC 7845). A file is known by its content, not by its name. It does not
// encode, and it knows nothing of connections: a Part pairs a source with
// whatever takes its samples, usually a transport.LocalTrack.
//
// Open indexes a file; the pictures stay on disk. Play runs until its context
// ends, in the caller's goroutine, and paces by the monotonic clock: all files
// of one call share one time line and begin each round at the same instant,
// so that sound and picture do not drift apart. A request for a key frame lets
// all of them go on at the next key frame of the picture.
//
// Times are durations from the begin of a file.
package mediafile
