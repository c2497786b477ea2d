// Package trace keeps in files what the estimators of paths are told and decide, so
// that a bad minute in the field can be replayed at a desk (`meshbench bwe replay`,
// docs/bwe.md). What is kept is lines that somebody else makes (bwe.Recorder); here it
// is written down, away from packets and within bounds.
//
// Traces are kept while their folder exists: who wants them makes it, and has them by
// moving it away. Nothing has to be told to the process, which looks once a second.
//
//	mkdir data/traces                 it begins, with the calls that there are
//	mv data/traces friday-evening     it ends; the files are whole
//
// A path has a file, and goes on in another when one is full. Of all files together
// the oldest go when there is too much. Who makes lines faster than they are written
// has its file end; the next one begins with all that is needed (bwe.Estimator.Record).
//
// A file says nothing of who is at the ends of the path: there is no address, name,
// key or word in it, and its own name is a time and a number. Which path has the
// number is in the log, for the operator. What it does tell, to who has it, is when
// packets of which size left, and with that when somebody was likely to be speaking.
//
// Store has one loop, Run. Begin and the methods of a Tape may be called from any
// goroutine; they write no file and wait for none.
package trace
