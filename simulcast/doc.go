// Package simulcast will hold what layers of one source are and how to choose
// and join them. It is empty today: the headless party sends one layer, which
// it reads from a file, and needs neither a selector nor a rewriter.
package simulcast
