package nada_test

import (
	"testing"

	"meshfocus/bench/congestion"
	"meshfocus/bench/congestion/nada"
)

// On a path without jitter it does what its authors show for 5.1: most of the
// capacity, a short queue, no loss to speak of.
func TestNADA_UsesMostOfAVariablePath(t *testing.T) {
	c, ok := congestion.Find("5.1")
	if !ok {
		t.Fatal("there is no 5.1")
	}
	c.Forward.Jitter, c.Back.Jitter = 0, 0
	r := congestion.Run(c, 1, nada.New)
	t.Log(r.String())
	if used := r.Get(congestion.Utilisation); used < 0.8 || used > 1 {
		t.Errorf("uses %.3f", used)
	}
	if queue := r.Get(congestion.Queue95); queue > 200 {
		t.Errorf("its queue is %.0f ms", queue)
	}
	if again := congestion.Run(c, 1, nada.New); again.Hash != r.Hash {
		t.Error("the same seed gave another run")
	}
}
