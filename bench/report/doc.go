// Package report is results of measurements as data: rounds, written as JSON
// lines, and what they come to, held against targets. Pure.
//
// A Round is one server in one scenario, measured once; rounds of several
// servers are interleaved, and a Comparison is the median of their ratios, pair
// by pair, because what else the machine does drifts: two rounds next to each
// other share it. How sure that is the bootstrap says (Efron 1979): the same
// median of rounds drawn again and again from those that there are.
//
// Units stand in the names; ratios are ours to theirs.
package report
