package rival

import (
	"os"
	"testing"
	"time"
)

func TestParseStat_CountsBehindTheName(t *testing.T) {
	user, system, err := parseStat("7 (a) b) (c) S 1 7 7 0 -1 4194560 900 0 0 0 250 125 0 0 20 0 9 0 100 1 2")
	if err != nil || user != 2500*time.Millisecond || system != 1250*time.Millisecond {
		t.Errorf("user %v, system %v, %v", user, system, err)
	}
	for _, text := range []string{"", "7 (a) S 1 2 3", "7 (a) S 1 7 7 0 -1 4194560 900 0 0 0 x 125 0"} {
		if _, _, err := parseStat(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestParseResident_IsInBytes(t *testing.T) {
	if got, err := parseResident("Name:\tx\nVmRSS:\t    2048 kB\nRssAnon:\t 1 kB\n"); err != nil || got != 2<<20 {
		t.Errorf("%d, %v", got, err)
	}
	if _, err := parseResident("Name:\tx\n"); err == nil {
		t.Error("no VmRSS was read")
	}
}

func TestParseCores_SumsWhatIsIdle(t *testing.T) {
	const text = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 100 10 50 999 99 2 3 7 0 0\ncpu1 1 0 0 5 0 0 0 0 0 0\ncpu10 5 5 5 5 5 5 5 5 0 0\n"
	got, err := parseCores(text, []int{0, 1})
	if want := (Core{Idle: 11030 * time.Millisecond, Steal: 70 * time.Millisecond}); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if _, err := parseCores(text, []int{2}); err == nil {
		t.Error("a core that does not exist was read")
	}
}

func TestParseOverflows_GoesByTheName(t *testing.T) {
	const text = "Ip: Forwarding\nIp: 1\nUdp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\nUdp: 1 2 3 4 55 6\nUdpLite: RcvbufErrors\nUdpLite: 9\n"
	if got, err := parseOverflows(text); err != nil || got != 55 {
		t.Errorf("%d, %v", got, err)
	}
	for _, text := range []string{"", "Udp: InDatagrams\nUdp: 1\n", "Udp: RcvbufErrors\n"} {
		if _, err := parseOverflows(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestUsageOf_ReadsOurOwn(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc: " + err.Error())
	}
	usage, err := UsageOf(os.Getpid())
	if err != nil || usage.Memory == 0 {
		t.Errorf("%+v, %v", usage, err)
	}
	if _, err := Overflows(); err != nil {
		t.Error(err)
	}
}

func FuzzParse_NeverPanics(f *testing.F) {
	f.Add("7 (a) S 1 7 7 0 -1 4194560 900 0 0 0 250 125 0")
	f.Add("Udp: RcvbufErrors\nUdp: 1\n")
	f.Add("cpu0 100 10 50 999 99 2 3 7 0 0\nVmRSS: 1 kB\n")
	f.Fuzz(func(_ *testing.T, text string) {
		// Errors are fine, whatever they say.
		_, _, _ = parseStat(text)
		_, _ = parseResident(text)
		_, _ = parseCores(text, []int{0})
		_, _ = parseOverflows(text)
	})
}

func TestListCores_LeavesTheirSumOut(t *testing.T) {
	if got := listCores("cpu  1 2\ncpu0 1 2\ncpu12 3\nintr 5\n"); len(got) != 2 || got[0] != 0 || got[1] != 12 {
		t.Errorf("%v", got)
	}
}
