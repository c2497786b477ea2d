package rival

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is what /proc counts processor time in: USER_HZ, which is 100 on all
// that Linux runs on (time(7)).
const tick = 10 * time.Millisecond

// Usage is what a process has used since its start. What the kernel does for
// its packets until they are in the receiver's socket is in System: on loopback
// and veth that is the sender's work.
type Usage struct {
	User, System time.Duration
	Memory       uint64 // bytes resident
}

// UsageOf reads the usage of a process (proc_pid_stat(5), proc_pid_status(5)); it is
// zero of 0, which is that of a Server elsewhere.
func UsageOf(pid int) (u Usage, err error) {
	if pid == 0 {
		return u, nil
	}
	folder := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(folder, "stat"))
	if err != nil {
		return u, err
	}
	if u.User, u.System, err = parseStat(string(stat)); err != nil {
		return u, err
	}
	status, err := os.ReadFile(filepath.Join(folder, "status"))
	if err != nil {
		return u, err
	}
	u.Memory, err = parseResident(string(status))
	return u, err
}

// parseStat gives the times of a process: fields 14 and 15, counted behind the
// name, which may hold anything.
func parseStat(text string) (user, system time.Duration, err error) {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0, 0, fmt.Errorf("stat of a process has %d fields", len(fields))
	}
	times, err := ticks(fields[11:13])
	if err != nil {
		return 0, 0, err
	}
	return times[0], times[1], nil
}

// parseResident gives VmRSS in bytes.
func parseResident(text string) (uint64, error) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("status of a process has no VmRSS")
}

// Core is what a core has not done since the machine's start. Idle is counted to
// the nanosecond where the kernel stops its tick (NO_HZ); what the core was busy
// with is sampled with the tick, which traffic of an even rate meets always or
// never.
type Core struct {
	Idle  time.Duration
	Steal time.Duration // what the hypervisor gave to others
}

// Cores gives the numbers of all cores of the machine, also of those that we may not run on.
func Cores() ([]int, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return nil, err
	}
	return listCores(string(text)), nil
}

// listCores reads the numbers behind "cpu".
func listCores(text string) (cores []int) {
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(line, " ")
		if number, ok := strings.CutPrefix(name, "cpu"); ok {
			if core, err := strconv.Atoi(number); err == nil { // the sum of all has none
				cores = append(cores, core)
			}
		}
	}
	return cores
}

// CoresOf reads what some cores have not done together (proc_stat(5)).
func CoresOf(cores []int) (Core, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return Core{}, err
	}
	return parseCores(string(text), cores)
}

// parseCores sums idle and iowait of the cores' lines, and steal.
func parseCores(text string, cores []int) (sum Core, err error) {
	for _, core := range cores {
		found := false
		for line := range strings.Lines(text) {
			fields := strings.Fields(line)
			if len(fields) < 9 || fields[0] != "cpu"+strconv.Itoa(core) {
				continue
			}
			times, err := ticks(fields[1:9])
			if err != nil {
				return sum, err
			}
			sum.Idle += times[3] + times[4]
			sum.Steal += times[7]
			found = true
		}
		if !found {
			return sum, fmt.Errorf("there is no core %d", core)
		}
	}
	return sum, nil
}

func ticks(fields []string) ([]time.Duration, error) {
	times := make([]time.Duration, len(fields))
	for i, field := range fields {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return nil, err
		}
		times[i] = time.Duration(n) * tick
	}
	return times, nil
}

// Overflows reads how many datagrams were dropped for want of room in sockets,
// in the network namespace that we are in (proc_net(5), snmp: RcvbufErrors).
// Those that a filter dropped are not among them.
func Overflows() (uint64, error) {
	text, err := os.ReadFile("/proc/self/net/snmp")
	if err != nil {
		return 0, err
	}
	return parseOverflows(string(text))
}

// parseOverflows finds the column by its name: the first of two lines that begin
// with "Udp:" has the names, the second the values.
func parseOverflows(text string) (uint64, error) {
	var names []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "Udp:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, name := range names {
			if name == "RcvbufErrors" && i < len(fields) {
				return strconv.ParseUint(fields[i], 10, 64)
			}
		}
	}
	return 0, fmt.Errorf("the kernel does not count what sockets had no room for")
}
