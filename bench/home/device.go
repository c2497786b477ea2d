package home

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// wordType is the type of messages from device to device, memberType that of the
// events by which devices say that they are in a call.
const (
	wordType   = "org.meshbench.word"
	memberType = "org.matrix.msc3401.call.member"
)

// device is an account with a place in the stream of /sync. It belongs to one
// goroutine at a time, but for say and its likes, which only send.
type device struct {
	account
	wire  *wire
	since string
}

// word is what one device says to another.
type word struct {
	Run string `json:"run"`
	// Number counts those of a run from 0.
	Number int `json:"number"`
	// At is when it was sent, in ns of this process's clock.
	At int64 `json:"at"`
	// Padding makes it as large as a small encrypted one.
	Padding string `json:"padding"`
}

// news is the part of an answer to /sync that is looked at.
type news struct {
	ToDevice struct {
		Events []struct {
			Type    string          `json:"type"`
			Content json.RawMessage `json:"content"`
		} `json:"events"`
	} `json:"to_device"`
	Rooms struct {
		Join map[string]struct {
			State    events `json:"state"`
			Timeline events `json:"timeline"`
		} `json:"join"`
	} `json:"rooms"`
}

type events struct {
	Events []struct {
		Type string  `json:"type"`
		Key  *string `json:"state_key"`
	} `json:"events"`
}

// filter leaves out what calls do not look at.
const filter = `{"presence":{"types":[]},"account_data":{"types":[]},"room":{"ephemeral":{"types":[]},"account_data":{"types":[]},"timeline":{"limit":50}}}`

// sync asks for what is new and waits so long for it.
func (d *device) sync(ctx context.Context, wait time.Duration) (n news, err error) {
	text, err := d.ask(ctx, wait)
	if err == nil {
		err = json.Unmarshal(text, &n)
	}
	return n, err
}

// ask is sync whose answer nobody has looked through but for where it ends.
func (d *device) ask(ctx context.Context, wait time.Duration) (text []byte, err error) {
	query := url.Values{"timeout": {fmt.Sprint(wait.Milliseconds())}, "filter": {filter}, "set_presence": {"offline"}}
	if d.since != "" {
		query.Set("since", d.since)
	}
	if err := d.wire.call(ctx, d.Token, http.MethodGet, "v3/sync?"+query.Encode(), nil, &text); err != nil {
		return nil, err
	}
	d.since, err = ending(text)
	return text, err
}

// ending gives next_batch of an answer to /sync.
func ending(text []byte) (string, error) {
	before, behind, _ := bytes.Cut(text, []byte(`"next_batch":"`))
	token, _, _ := bytes.Cut(behind, []byte(`"`))
	const name = `"next_batch"`
	if len(token) > 0 && !bytes.ContainsRune(token, '\\') && !bytes.Contains(before, []byte(name)) && !bytes.Contains(behind, []byte(name)) {
		return string(token), nil
	}
	var n struct { // written in another way, or a word of somebody's
		Next string `json:"next_batch"`
	}
	err := json.Unmarshal(text, &n)
	return n.Next, err
}

// tell sends a message to another device.
func (d *device) tell(ctx context.Context, to *device, transaction string, w word) error {
	return d.wire.call(ctx, d.Token, http.MethodPut, "v3/sendToDevice/"+wordType+"/"+url.PathEscape(transaction),
		object{"messages": object{to.User: object{to.Device: w}}}, nil)
}

// createRoom makes a room that all may join, and say in that they are in a call.
func (d *device) createRoom(ctx context.Context) (id string, err error) {
	var answer struct {
		ID string `json:"room_id"`
	}
	err = d.wire.call(ctx, d.Token, http.MethodPost, "v3/createRoom", object{
		"preset": "public_chat", "power_level_content_override": object{"events": object{memberType: 0}},
	}, &answer)
	return answer.ID, err
}

func (d *device) join(ctx context.Context, room string) error {
	return d.wire.call(ctx, d.Token, http.MethodPost, "v3/join/"+url.PathEscape(room), object{}, nil)
}

// key is the state key of the device's own membership of a call.
func (d *device) key() string { return "_" + d.User + "_" + d.Device }

// enter says that the device is in the call of a room.
func (d *device) enter(ctx context.Context, room string) error {
	return d.wire.call(ctx, d.Token, http.MethodPut, "v3/rooms/"+url.PathEscape(room)+"/state/"+memberType+"/"+url.PathEscape(d.key()), object{
		"application": "m.call", "call_id": "", "scope": "m.room", "device_id": d.Device, "expires": 14400000,
		"focus_active": object{"type": "full_mesh"}, "foci_preferred": []object{{"type": "full_mesh"}},
	}, nil)
}
