package main

import (
	"net/http"
	"strconv"
	"time"

	"meshfocus/focus/lane"
)

// mediaNetwork is the sockets of one of our parties, or of all that forwards.
type mediaNetwork struct {
	name  string
	lanes []lane.Stats
}

// networks are all sockets for media that this process has. Browsers and guests send
// straight to each other and have none here.
func (d *daemon) networks() (networks []mediaNetwork) {
	for _, seat := range *d.seats.Load() {
		if lanes := seat.party.LaneStats(); lanes != nil {
			networks = append(networks, mediaNetwork{seat.role, lanes})
		}
	}
	if d.house != nil {
		networks = append(networks, mediaNetwork{focusUser, d.house.Network.Stats()})
	}
	return networks
}

// serveMetrics answers Prometheus.
func (d *daemon) serveMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_ = writeFamilies(w, d.families()) // who has gone is no error of ours
}

// families are all metrics. docs/metrics.md lists them.
func (d *daemon) families() []family {
	families := append(d.callFamilies(), laneFamilies(d.networks())...)
	families = append(families, ledgerFamilies(d.networks())...)
	families = append(families, changeFamily(d.networks()))
	families = append(families, d.traceFamilies()...)
	families = append(families, d.relayFamilies()...)
	return append(families, d.forwardFamilies()...)
}

// callFamilies are of the process and its call page.
func (d *daemon) callFamilies() []family {
	gauge := func(name, help string, value int) family {
		return family{name, "gauge", help, []sample{{value: float64(value)}}}
	}
	c := d.callCounts()
	return []family{
		gauge("meshfocus_uptime_seconds", "Since the daemon started.", int(time.Since(d.started).Seconds())),
		gauge("meshfocus_calls", "Calls with a guest in them.", c.Rooms),
		gauge("meshfocus_call_links", "Calls that can be joined by their link, the lobby not among them.", c.Links),
		gauge("meshfocus_browsers", "Browsers connected by websocket.", c.Sockets),
		gauge("meshfocus_guests", "Guests' devices, those without a browser at the moment as well.", c.Seats),
		{"meshfocus_browsers_refused_total", "counter", "Sockets of pages from elsewhere, or too many.", []sample{{value: float64(c.Refused)}}},
		{"meshfocus_browsers_dropped_total", "counter", "Sockets that were too slow, silent, or sent too much.", []sample{{value: float64(c.Dropped)}}},
	}
}

// laneFigure is one number of a lane.
type laneFigure struct {
	name, kind, help string
	of               func(lane.Stats) uint64
}

// laneFigures are those that every lane has.
var laneFigures = []laneFigure{
	{"meshfocus_lane_connections", "gauge", "Connections at present.", func(s lane.Stats) uint64 { return uint64(s.Ends) }},
	{"meshfocus_lane_waiting", "gauge", "Packets that were handed over and not sent yet.", func(s lane.Stats) uint64 { return uint64(s.Waiting) }},
	{"meshfocus_lane_received_total", "counter", "Datagrams of media that came.", func(s lane.Stats) uint64 { return s.Received }},
	{"meshfocus_lane_sent_total", "counter", "Packets of media that left, without those that were sent again.", func(s lane.Stats) uint64 { return s.Packets }},
	{"meshfocus_lane_flushes_total", "counter", "Times that what was gathered was sent.", func(s lane.Stats) uint64 { return s.Flushes }},
	{"meshfocus_lane_strangers_total", "counter", "Datagrams of media from addresses of no connection.", func(s lane.Stats) uint64 { return s.Strangers }},
	{"meshfocus_lane_unsent_total", "counter", "Packets that could not leave: no codec, keys or path.", func(s lane.Stats) uint64 { return s.Unsent }},
	{"meshfocus_lane_overflowed_total", "counter", "Packets that found no room on the way to a subscriber.", func(s lane.Stats) uint64 { return s.Overflowed }},
	{"meshfocus_lane_shed_total", "counter", "Times that a subscriber got no pictures for a while because the lane was nearly full; whole frames are left out.", func(s lane.Stats) uint64 { return s.Shed }},
	{"meshfocus_lane_starved_total", "counter", "Packets that came when there was no room to hold them.", func(s lane.Stats) uint64 { return s.Starved }},
	{"meshfocus_lane_feedback_lost_total", "counter", "Datagrams of RTCP that found no room on the way to the send loop.", func(s lane.Stats) uint64 { return s.Lost }},
	{"meshfocus_lane_nacks_sent_total", "counter", "Numbers that publishers were asked for again.", func(s lane.Stats) uint64 { return s.Repair.Asked }},
	{"meshfocus_lane_rtx_restored_total", "counter", "Packets that came as a retransmission and were missing.", func(s lane.Stats) uint64 { return s.Repair.Restored }},
	{"meshfocus_lane_nacks_received_total", "counter", "Numbers that subscribers asked for again.", func(s lane.Stats) uint64 { return s.Repair.Nacked }},
	{"meshfocus_lane_rtx_sent_total", "counter", "Packets that were sent again.", func(s lane.Stats) uint64 { return s.Repair.Resent }},
	{"meshfocus_lane_nacks_denied_total", "counter", "Numbers that subscribers asked for again and did not get: too often, too soon, gone.", func(s lane.Stats) uint64 { return s.Repair.Denied }},
	{"meshfocus_lane_key_frames_asked_total", "counter", "Requests for key frames to publishers.", func(s lane.Stats) uint64 { return s.Repair.KeyFramesAsked }},
	{"meshfocus_lane_key_frames_wanted_total", "counter", "Requests for key frames of subscribers.", func(s lane.Stats) uint64 { return s.Repair.KeyFramesWanted }},
	{"meshfocus_lane_path_padding_bytes_total", "counter", "Sent to find out what the ways to receivers carry.", func(s lane.Stats) uint64 { return s.Paths.Padding }},
	{"meshfocus_lane_path_emptied_total", "counter", "Times that what waited of a picture was left out, as it was too much.", func(s lane.Stats) uint64 { return s.Paths.Emptied }},
	{"meshfocus_lane_path_marked_total", "counter", "Packets that left with ECT(1) (media.ecn).", func(s lane.Stats) uint64 { return s.Paths.Marked }},
	{"meshfocus_lane_path_congested_total", "counter", "Packets that came with CE, by what receivers report.", func(s lane.Stats) uint64 { return s.Paths.Congested }},
	{"meshfocus_lane_path_unmarkable_total", "counter", "Ways that went on without marks, as none came through.", func(s lane.Stats) uint64 { return s.Paths.Unmarkable }},
}

// laneFamilies are the figures of all lanes.
func laneFamilies(networks []mediaNetwork) (families []family) {
	for _, figure := range laneFigures {
		f := family{figure.name, figure.kind, figure.help, nil}
		eachLane(networks, func(at []string, s lane.Stats) {
			f.samples = append(f.samples, sample{labels: at, value: float64(figure.of(s))})
		})
		families = append(families, f)
	}
	return families
}

// eachLane names each lane by labels.
func eachLane(networks []mediaNetwork, do func(at []string, s lane.Stats)) {
	for _, n := range networks {
		for i, s := range n.lanes {
			do([]string{"network", n.name, "lane", strconv.Itoa(i)}, s)
		}
	}
}

// ledgerFamilies are what a packet takes, as far as it was timed.
func ledgerFamilies(networks []mediaNetwork) []family {
	stages := family{"meshfocus_lane_stage_seconds", "histogram", "What one packet takes in a stage of its way, of one batch in 128.", nil}
	sides := family{"meshfocus_lane_side_seconds", "histogram", "What one packet takes in a half of its way as a whole, of the same batches.", nil}
	eachLane(networks, func(at []string, s lane.Stats) {
		at = at[:len(at):len(at)]
		for i := range s.Stages {
			labels := append(at, "side", lane.Stage(i).Side().String(), "stage", lane.Stage(i).String())
			stages.samples = append(stages.samples, sample{labels: labels, histogram: histogramOf(&s.Stages[i])})
		}
		for i := range s.Sides {
			sides.samples = append(sides.samples, sample{labels: append(at, "side", lane.Side(i).String()), histogram: histogramOf(&s.Sides[i])})
		}
	})
	return []family{stages, sides}
}

// histogramOf has powers of two of a nanosecond as bounds.
func histogramOf(s *lane.StageStats) *histogram {
	h := &histogram{classes: s.Histogram[:], sum: s.Took}
	for class := range len(s.Histogram) - 1 {
		h.bounds = append(h.bounds, float64(uint64(1)<<class)/1e9)
	}
	return h
}
