// Package nada is NADA (RFC 8698) as the RFC has it, to hold ours against: a
// Controller of bench/congestion with the RFC's default parameters. It is pure.
//
// The receiver's part is done by the sender, who hears of every packet (section
// 5.3). Reports that come more often than every 100 ms, which is what the RFC aims at, are
// taken together. It sends no padding, for the RFC knows no probes; sound passes the
// shaping buffer and is counted. What the RFC leaves open is done as in the
// authors' own simulation (cisco/ns3-rmcat, draft -05): a minimum over 15 delays,
// the mean of loss intervals of RFC 5348, and a base delay that is the least ever
// seen, so a longer route looks like a queue to it. Its congestion level is bounded
// by 500 ms, too.
package nada
