// Package clock finds how far the clock of another machine is ahead of ours, by asking
// it over UDP: Serve answers on the one machine, an Asker asks on the other, and package
// bench/offset has the arithmetic.
//
//	question   magic 8 | kind 1 | zeros 7 | nonce 8 | zeros 16
//	answer     magic 8 | kind 2 | zeros 7 | nonce 8 | came 8 | answered 8
//
// Big-endian; instants are nanoseconds since 1970 by the clock of who answers. Both are
// 40 bytes, so that nobody can have more sent to a third than they send themselves, and
// an answer is no question, so that two who answer cannot be set on each other. The
// nonce is 64 bits of chance, of a question that was asked within the last two seconds
// and not answered yet: who does not see it cannot answer. It is no secret from who
// sees the packets, who could as well delay them.
//
// All that is uncertain makes the round trip longer, and never shorter: questions are
// dated before they leave, and what arrives when the kernel had it (SO_TIMESTAMPNS), or
// later where the system does not tell. So half a round trip bounds the error as long as
// no clock is set meanwhile.
package clock
