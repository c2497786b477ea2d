//go:build interop

package live

import (
	"testing"

	"go.uber.org/goleak"

	"meshfocus/bench/congestion"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// attempts bounds how often a run is played: a busy machine is no path.
const attempts = 3

// Reality is as it was simulated, in a tenth of the time. One run on a machine that
// kept time is enough; where none was, media has to flow and that is said.
func TestInterop_RealityIsAsSimulated(t *testing.T) {
	for _, trial := range Trials(10) {
		if trial.Word != "5.1-to" && trial.Word != "S1-to" {
			continue // libwebrtc's estimator takes longer to start than this lasts
		}
		t.Run(trial.Word, func(t *testing.T) {
			var simulated []congestion.Result
			for seed := range uint64(5) {
				simulated = append(simulated, trial.Simulate(t, seed+1))
			}
			judged := false
			for attempt := range uint64(attempts) {
				o := play(t, &trial, attempt+1)
				if o.Seen.Frames < 50 || o.Get(congestion.Utilisation) < 0.1 {
					t.Errorf("hardly anything came: %s", &o)
				}
				all := trial.Compare(simulated, &o.Result)
				if Held(all) {
					return
				}
				limits := o.Limits()
				judged = judged || limits == ""
				t.Logf("attempt %d: %v, simulated %v; the machine was the limit: %q", attempt+1, all[:2], simulated[0].String(), limits)
			}
			if judged {
				t.Errorf("not within the bounds in %d attempts, and the machine was not always the limit", attempts)
				return
			}
			t.Logf("THE MACHINE WAS THE LIMIT in %d attempts: nothing was learnt of the path", attempts)
		})
	}
}

// Chromium uses the path with our reports, in a tenth of the time, in which its
// estimator hardly starts.
func TestInterop_ChromiumSendsByOurReports(t *testing.T) {
	for _, trial := range Trials(10) {
		if trial.Word == "5.1-from" {
			if o := play(t, &trial, 1); o.Get(congestion.Utilisation) < 0.1 || o.Made.Frames < 20 {
				t.Errorf("Chromium hardly sends: %s, %s", o.Result.String(), &o)
			}
		}
	}
}

// play plays once; what that leaves behind ends with it.
func play(t *testing.T, trial *Trial, seed uint64) (o Outcome) {
	t.Helper()
	t.Run("play", func(t *testing.T) {
		o = trial.Play(t, seed)
		t.Logf("%s", o.Result.String())
		t.Logf("%s", &o)
	})
	return o
}
