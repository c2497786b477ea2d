package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"meshfocus/mesh"
	"meshfocus/mesh/headless"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/socket"
	"meshfocus/web/link"
)

// localReports are what our own parties see on their links.
func (d *daemon) localReports(roomID string) (reports []socket.Report) {
	for _, seat := range d.parties() {
		status := seat.party.Status()
		if status.RoomID != roomID {
			continue
		}
		if text, err := json.Marshal(seat.party.Report()); err == nil {
			reports = append(reports, socket.Report{Party: status.Party, At: status.At, Content: text})
		}
	}
	return reports
}

// connectRate is how many browsers a second may connect from one address, after
// as many at once as may be connected. What each leaves in the lobby is kept
// for tracesTime, some 10 kB: one address costs 40 MB at most.
const connectRate = 1

// openCalls puts together what browsers without an account need.
func (d *daemon) openCalls() (err error) {
	if d.relay, err = headless.ParseRelayPolicy(d.config.Media.Relay); err != nil {
		return err
	}
	if d.frames, err = mesh.ParseFramePolicy(d.config.Media.Encryption); err != nil {
		return err
	}
	if d.trust, err = matrix.ParseTrustPolicy(d.config.Call.Trust); err != nil {
		return err
	}
	file, key := "", ""
	if data := d.config.Homeserver.Data; data != "" {
		file, key = filepath.Join(data, "calls.json"), filepath.Join(data, "seats.key")
	}
	c := d.config.Call
	origins := append([]string{}, c.Origins...)
	if d.config.PublicURL != "" {
		origins = append(origins, originOf(d.config.PublicURL))
	}
	if d.guests, err = newGuests(d); err != nil {
		return err
	}
	d.guests.book, err = link.Open(link.Config{
		File: file, Rooms: d.guests, Max: c.MaxCalls, Keep: c.Keep, Closed: !c.New, Origins: origins, Log: d.log,
	})
	if err != nil {
		return err
	}
	secret, err := keepSecret(key)
	if err != nil {
		return fmt.Errorf("key of the guests' seats: %w", err)
	}
	if d.newCall, err = d.guests.book.Handler(); err != nil {
		return err
	}
	d.gateway, err = socket.New(socket.Config{
		Opener: d.guests, Key: secret, Server: "meshfocus " + version(), Origins: origins,
		ConnectRate: connectRate, ConnectBurst: c.MaxPerAddress, MaxSockets: c.MaxSockets, MaxSeats: c.MaxSockets, MaxPerAddress: c.MaxPerAddress, Grace: c.Grace,
		LocalReports: d.localReports, Log: d.log,
	})
	return err
}
