// Package contest measures servers side by side: scenarios against rivals, in
// rounds that take turns, so that whatever else the machine does meets all of
// them alike.
//
// A round is a new process. Publishers come in and send little, subscribers come
// in, then everybody goes to the rate of the scenario; after a time to warm up
// the counts of parties and kernel are read, and once more when the time is
// over. The caller's process is the generator: it is to be on another core than
// the server.
package contest
