// Package judge lets a decoder say whether what was forwarded is a stream that a
// receiver can show. It is imported by tests only.
//
// Clips are encoded once by ffmpeg, with temporal layers where its encoders have
// them, and every picture's decoded bytes are remembered as a hash. A Sender cuts
// a clip into packets as a browser would. What is left of them after selection
// and renumbering goes to a Receiver, which puts pictures together and waits, as
// browsers do, for what the numbers say is still missing. Decode then gives the
// hashes of what ffmpeg makes of the pictures: of a stream that was joined well
// each is that of the picture it came from. A decoder's silence alone says
// little, since VP8 and VP9 show wrong references without complaint.
//
// Taking payloads apart is left to Pion's depacketizers, so that ours are not
// their own judges.
package judge
