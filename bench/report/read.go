package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Read reads what Write wrote: machines, each with its end, and rounds. A line
// that is none of them is an error with its number. A last line that is cut off,
// as that of a run that was killed is or when a disk was full, is left out,
// and the machine before it says so.
func Read(r io.Reader) (machines []Machine, rounds []Round, err error) {
	lines := bufio.NewReader(r)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, nil, err
		}
		last := err != nil
		if line = bytes.TrimSpace(line); last && len(line) == 0 {
			return machines, rounds, nil
		}
		switch value, err := parse(line); {
		case err != nil && last && len(machines) > 0:
			machines[len(machines)-1].Cut = true
		case err != nil:
			return nil, nil, fmt.Errorf("line %d: %w", number, err)
		case value.round != nil:
			rounds = append(rounds, *value.round)
		case value.machine != nil:
			machines = append(machines, *value.machine)
		case len(machines) > 0:
			machines[len(machines)-1].End = value.end
		}
		if last {
			return machines, rounds, nil
		}
	}
}

// line is what a line may be: one of the three.
type line struct {
	machine *Machine
	round   *Round
	end     *End
}

var errStrange = errors.New("neither a machine nor a round")

// parse reads a line.
func parse(text []byte) (line, error) {
	var keys struct {
		Machine  *string `json:"machine"`
		Scenario string  `json:"scenario"`
		End      string  `json:"end"`
	}
	if err := json.Unmarshal(text, &keys); err != nil {
		return line{}, err
	}
	switch {
	case keys.Scenario != "":
		var r Round
		return line{round: &r}, json.Unmarshal(text, &r)
	case keys.Machine != nil:
		var m Machine
		return line{machine: &m}, json.Unmarshal(text, &m)
	case keys.End != "":
		var e End
		return line{end: &e}, json.Unmarshal(text, &e)
	}
	return line{}, errStrange
}
