package ring

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"meshfocus/signalling/message"
)

var update = flag.Bool("update", false, "write the table to testdata/table.json")

func TestTable_IsTheOneThatOthersRead(t *testing.T) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	for _, row := range Table() {
		if err := encoder.Encode(row); err != nil {
			t.Fatal(err)
		}
	}
	const path = "testdata/table.json"
	if *update {
		if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(want, text.Bytes()) {
		t.Errorf("the table differs from %s (%v); go test -update writes it, and its readers have to follow", path, err)
	}
}

// Every state of a side meets every event, each of them once; and there is
// nothing in the vocabulary that no cell uses.
func TestTable_IsComplete(t *testing.T) {
	rows := map[[3]string]bool{}
	unused := map[string]bool{}
	for kind := range kindCount {
		unused[kind.String()] = true
	}
	for action := range actionCount {
		unused[action.String()] = true
	}
	for state := range stateCount {
		unused[state.String()] = true
	}
	for _, row := range Table() {
		rows[[3]string{row.Role, row.State, row.Event}] = true
		delete(unused, row.State)
		if row.Next != row.State || len(row.Actions) > 0 || row.Event == Acknowledged.String() {
			delete(unused, row.Event)
		}
		for _, action := range row.Actions {
			delete(unused, action)
		}
	}
	delete(unused, Alert.String())   // of Take, which begins
	delete(unused, SendAck.String()) // likewise
	if len(unused) > 0 {
		t.Errorf("no cell of the table has %v", unused)
	}
	for role := range roleCount {
		reached := map[State]bool{map[Role]State{Caller: Placed, Callee: Ringing}[role]: true}
		for range states[role] {
			for state := range reached {
				for kind := range kindCount {
					if !rows[[3]string{role.String(), state.String(), kind.String()}] {
						t.Errorf("%s: %q in %q is in no cell", role, kind, state)
					}
					next, _ := take(role, state, kind)
					reached[next] = true
				}
			}
		}
		if len(reached) != len(states[role]) {
			t.Errorf("%s: %d of %d states can be reached", role, len(reached), len(states[role]))
		}
	}
	if want := int(kindCount) * (len(states[Caller]) + len(states[Callee])); len(Table()) != want || len(rows) != want {
		t.Errorf("%d rows, %d of them different; want %d", len(Table()), len(rows), want)
	}
}

func TestTable_KeepsToTheStatesOfItsSide(t *testing.T) {
	for role, all := range steps {
		for state, events := range all {
			if !slices.Contains(states[role], state) || state.Over() {
				t.Errorf("%s has steps in %q", Role(role), state)
			}
			for kind, step := range events {
				if !slices.Contains(states[role], step.next) {
					t.Errorf("%s: %q in %q leads to %q, which it does not have", Role(role), kind, state, step.next)
				}
			}
		}
	}
}

func TestTable_NamesEverything(t *testing.T) {
	for _, row := range Table() {
		for _, name := range append(row.Actions, row.Role, row.State, row.Event, row.Next) {
			if name == "" || name == "unknown" {
				t.Errorf("a name is missing in %+v", row)
			}
		}
	}
	if State(99).String() != "unknown" || Action(99).String() != "unknown" {
		t.Error("a number without a name has one")
	}
}

// Whatever happens in whatever order, a device that began to ring stops once,
// and what is over stays over.
func TestMachine_StopsOnceAndForGood(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		m, actions := Take(message.Party{UserID: "@me:hs", DeviceID: "D"}, Ring{ID: "$n", Expires: time.Unix(100, 0)})
		counts := map[Action]int{}
		var over State
		for range 12 {
			for _, action := range actions {
				counts[action]++
			}
			if over != Placed && m.State() != over {
				t.Fatalf("%s became %s", over, m.State())
			}
			if m.State().Over() {
				over = m.State()
			}
			actions = m.Handle(Kind(random.IntN(int(kindCount))))
		}
		if counts[Alert] != 1 || counts[Silence] > 1 || counts[Join]+counts[SendDecline] > 1 || over != Placed && counts[Silence] != 1 {
			t.Fatalf("%v at the end in %s", counts, m.State())
		}
		if over != Placed && !m.Next().IsZero() {
			t.Fatalf("%s still wants to be woken", over)
		}
	}
}
