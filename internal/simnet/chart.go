package simnet

import (
	"fmt"
	"strings"
	"time"
)

// Chart draws what happened between named ends as a sequence diagram, one
// column an end and one line an event, with the time since the chart began.
type Chart struct {
	began   time.Time
	columns []string
	width   int
	lines   []string
}

// NewChart begins a chart now.
func NewChart(began time.Time, columns ...string) *Chart {
	c := &Chart{began: began, columns: columns, width: 34}
	header := strings.Repeat(" ", 10)
	for _, name := range columns {
		header += fmt.Sprintf("%-*s", c.width, name)
	}
	c.lines = append(c.lines, strings.TrimRight(header, " "))
	return c
}

// Note writes something that one end did or saw.
func (c *Chart) Note(at time.Time, end, text string) {
	column := c.column(end)
	row := []rune(c.row())
	text = "● " + text
	copy(row[10+column*c.width:], []rune(text))
	if over := 10 + column*c.width + len([]rune(text)) - len(row); over > 0 {
		row = append(row[:10+column*c.width], []rune(text)...)
	}
	c.add(at, row)
}

// Arrow draws a message from one end to another.
func (c *Chart) Arrow(at time.Time, from, to, text string) {
	a, b := c.column(from), c.column(to)
	left, right := min(a, b), max(a, b)
	row := []rune(c.row())
	start, end := 10+left*c.width, 10+right*c.width
	for i := start + 1; i < end; i++ {
		row[i] = '─'
	}
	if a < b {
		row[end-1] = '▶'
	} else {
		row[start+1] = '◀'
	}
	copy(row[start+3:end-2], []rune(" "+text+" "))
	c.add(at, row)
}

func (c *Chart) add(at time.Time, row []rune) {
	stamp := []rune(fmt.Sprintf("%8.3f", at.Sub(c.began).Seconds()))
	copy(row, stamp)
	c.lines = append(c.lines, strings.TrimRight(string(row), " "))
}

// row is an empty line: the columns' life lines.
func (c *Chart) row() string {
	row := strings.Repeat(" ", 10)
	for range c.columns {
		row += "│" + strings.Repeat(" ", c.width-1)
	}
	return row
}

func (c *Chart) column(name string) int {
	for i, column := range c.columns {
		if column == name {
			return i
		}
	}
	return 0
}

// String gives the chart, a line an event.
func (c *Chart) String() string { return strings.Join(c.lines, "\n") + "\n" }
