// Package endtoend holds tests alone: the program as it is built, and real
// browsers that use it as people do. What happens to a call when a page is
// reloaded, a tab killed, a laptop carried away or put to sleep, and the
// daemon started again, is shown here with the seconds in which it has to be
// so; and what a hostile page can do to the others, which is nothing.
package endtoend
