package negotiate

import (
	"reflect"
	"testing"
)

func same(a, b func(*Machine, *Event)) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

func TestTable_HasAStepForEveryStateAndEvent(t *testing.T) {
	for state := range stateCount {
		for event := range eventCount {
			if table[state][event] == nil {
				t.Errorf("state %v has no step for %q", state, event)
			}
		}
	}
}

// Every event that some state hands to the exchange must mean something in
// each state of the exchange.
func TestTable_ExchangeHasAStepForEveryEventItIsGiven(t *testing.T) {
	for event := range eventCount {
		given := false
		for state := range stateCount {
			given = given || same(table[state][event], exchangeStep)
		}
		for x := range exchangeCount {
			if step := exchanges[x][event]; (step != nil) != given {
				t.Errorf("exchange %v: event %q is given: %v, has a step: %v", x, event, given, step != nil)
			}
		}
	}
}

func TestTable_OnlyStatesWithACallHandToTheExchange(t *testing.T) {
	for state := range stateCount {
		for event := range eventCount {
			if same(table[state][event], exchangeStep) && !state.Live() {
				t.Errorf("%v hands %q to the exchange of a call it does not have", state, event)
			}
		}
	}
}

func TestTable_EveryStateLeadsToOverWhenWeLeave(t *testing.T) {
	for state := range stateCount {
		if state != Over && !same(table[state][Leave], leave) {
			t.Errorf("%v does not end when we leave", state)
		}
	}
}

func TestNames_AreGivenToEveryStateEventAndReason(t *testing.T) {
	for state := range stateCount {
		if state.String() == "" {
			t.Errorf("state %d has no name", state)
		}
	}
	for event := range Tick + 1 {
		if event != eventCount && event.String() == "unknown" {
			t.Errorf("event %d has no name", event)
		}
	}
	for reason, r := range reasons {
		if r.words == "" {
			t.Errorf("reason %s has no words", reason)
		}
	}
	if Words("made up by somebody") != Words("unknown_error") {
		t.Error("an undefined reason does not read as unknown_error")
	}
}
