// Package table is what runs of bench/congestion come to, of ours and of those
// beside it: rows held against the goals, as text, as JSON lines, and as one HTML
// file with the curves that opens without a network. Pure.
//
// A row is one goal: its figure for the median and the bar for the worst of all
// seeds, and what everybody reached. Runs with varied schedules have rows of their
// own. The verdict is in words:
//
//	goal         the median reaches the goal, and the worst seed clears its bar
//	above worst  the worst seed clears its bar, the median does not reach the goal
//	LOST         some seed is below the bar
package table
