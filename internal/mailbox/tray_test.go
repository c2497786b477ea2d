package mailbox

import (
	"slices"
	"sync"
	"testing"
)

func TestTray_LosesNothingBetweenWritersAndItsLoop(t *testing.T) {
	const writers, each = 8, 500
	tray := NewTray[[2]int]()
	var writing sync.WaitGroup
	for writer := range writers {
		writing.Go(func() {
			for n := range each {
				tray.Put([2]int{writer, n})
			}
		})
	}
	var next [writers]int
	for taken := 0; taken < writers*each; {
		<-tray.Wake()
		for _, message := range tray.Take() {
			if message[1] != next[message[0]] {
				t.Fatalf("writer %d: message %d comes in place of %d", message[0], message[1], next[message[0]])
			}
			next[message[0]]++
			taken++
		}
	}
	writing.Wait()
}

func TestTray_CloseGivesTheRestAndRefusesMore(t *testing.T) {
	tray := NewTray[int]()
	tray.Put(1)
	tray.Put(2)
	if rest := tray.Close(); !slices.Equal(rest, []int{1, 2}) {
		t.Errorf("the rest is %v", rest)
	}
	if tray.Put(3) || len(tray.Take()) > 0 {
		t.Error("something is taken behind the end")
	}
}
