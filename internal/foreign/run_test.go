package foreign

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestGroupCall43_CallsAndIsCalled is what of the grid is tried every time.
func TestGroupCall43_CallsAndIsCalled(t *testing.T) {
	r := run{kinds: []Kind{JSSDK43}, directory: t.TempDir(), places: []place{embedded(t, 1)}}
	r.situations = []situation{find(t, "three")}
	grid := r.all(t)
	if len(grid.Results) != 1 || len(grid.Failures()) > 0 {
		t.Errorf("the grid is\n%s", grid.Text())
	}
	for _, name := range []string{"grid.txt", "grid.json", "junit.xml"} {
		if _, err := os.Stat(filepath.Join(r.directory, name)); err != nil {
			t.Error(err)
		}
	}
}

// run fills a grid.
type run struct {
	places     []place
	kinds      []Kind
	situations []situation
	directory  string // of the reports; "" writes none
}

// mostAtOnce bounds how many situations there are at a time, of all places: two keep
// two cores busy for seven tenths of the time, for each has up to five pages that
// encode and decode pictures without help of hardware. When one place has done its
// part, the other has both.
const mostAtOnce = 2

// place is a kind of homeserver. Most of the time a situation waits, so each place
// has some lanes, which take the next cell that nobody has begun.
type place struct {
	name  string
	lanes []lane
}

// lane is where one thing happens after the other, with a browser of its own. Its
// relay and its homeserver may be shared with others of the same place.
type lane struct {
	*bench
	home Home
}

// cell is what is tried in a place.
type cell struct {
	situation
	kind Kind
}

// all tries everything, the places beside each other, and reports.
func (r run) all(t *testing.T) *Grid {
	grid := &Grid{Began: time.Now()}
	for _, s := range r.situations {
		grid.Rows = append(grid.Rows, Row{s.name, s.about})
	}
	results, busy := make([][]Result, len(r.places)), make(chan struct{}, mostAtOnce)
	t.Run("at", func(t *testing.T) {
		for i, p := range r.places {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				r.at(t, p, busy, &results[i])
			})
		}
	})
	grid.Results = slices.Concat(results...)
	grid.Took = time.Since(grid.Began)
	r.report(t, grid)
	return grid
}

// at tries the cells of one place, as long as there is room in busy.
func (r run) at(t *testing.T, p place, busy chan struct{}, results *[]Result) {
	var cells []cell
	for _, s := range r.situations {
		for _, kind := range r.kinds {
			if s.concerns(p.lanes[0].home, kind) {
				cells = append(cells, cell{s, kind})
			}
		}
	}
	all, next := make([]Result, len(cells)), make(chan int, len(cells))
	for i := range cells {
		next <- i
	}
	close(next)
	var trying sync.WaitGroup
	for _, l := range p.lanes {
		trying.Go(func() {
			for i := range next {
				busy <- struct{}{}
				l.try(t, &all[i], cells[i])
				<-busy
			}
		})
	}
	trying.Wait()
	*results = slices.DeleteFunc(all, func(r Result) bool { return r.Home == "" }) // -run left it out
}

// try tries a cell of the grid.
func (l lane) try(t *testing.T, result *Result, c cell) {
	t.Run(string(c.kind)+"/"+c.name, func(t *testing.T) {
		t.Cleanup(l.relay.use(c.stops))
		w, began := &witness{TB: t}, time.Now()
		t.Cleanup(func() { // after all that the situation cleans up
			*result = Result{Home: l.home.Name, Peer: c.kind, Situation: c.name, Took: time.Since(began), Reason: w.reason(shortage(freeDisk(), freeMemory()))}
			if t.Failed() && result.Passed() {
				result.Reason = "see the test's own words above"
			}
			fmt.Println(result)
		})
		c.try(w, l.bench, l.home, c.kind)
	})
}

// report prints the grid and writes it into files.
func (r run) report(t *testing.T, grid *Grid) {
	fmt.Printf("\n%s\n", grid.Text())
	if r.directory == "" {
		return
	}
	for name, write := range map[string]func() ([]byte, error){
		"grid.txt": func() ([]byte, error) { return []byte(grid.Text()), nil }, "grid.json": grid.JSON, "junit.xml": grid.JUnit,
	} {
		text, err := write()
		if err == nil {
			err = os.WriteFile(filepath.Join(r.directory, name), text, 0o644)
		}
		if err != nil {
			t.Error(err)
		}
	}
}
