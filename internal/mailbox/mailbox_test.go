package mailbox

import (
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMailbox_KeepsTheOrderOfEachWriter(t *testing.T) {
	const writers, each = 8, 500
	box := New[[2]int]()
	var writing sync.WaitGroup
	for writer := range writers {
		writing.Go(func() {
			for n := range each {
				box.Put([2]int{writer, n})
			}
		})
	}
	var next [writers]int
	for range writers * each {
		message := <-box.Out()
		if message[1] != next[message[0]] {
			t.Fatalf("writer %d: message %d comes in place of %d", message[0], message[1], next[message[0]])
		}
		next[message[0]]++
	}
	writing.Wait()
	box.Close()
}

func TestMailbox_HasNoLoopWhileNothingWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := New[int]()
		for n := range 3 {
			box.Put(n)
			<-box.Out()
			synctest.Wait()
			if box.running {
				t.Error("the loop goes on with nothing to hand out")
			}
		}
		box.Close()
	})
}

func TestMailbox_CloseDoesNotWaitForAReader(t *testing.T) {
	box := New[int]()
	box.Put(1)
	box.Put(2)
	box.Close()
	if n, open := <-box.Out(); open {
		t.Errorf("%d comes after the end", n)
	}
	box.Put(3) // as a goroutine does that has not heard of the end
}
