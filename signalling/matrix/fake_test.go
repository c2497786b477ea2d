package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"meshfocus/signalling/message"
)

// fake is a homeserver that behaves, as small as the tests of this package
// allow: one room in which everybody may write, tokens, long polling, keys,
// to-device messages once per transaction, delayed events. It runs under
// virtual time.
type fake struct {
	mux *http.ServeMux

	mutex    sync.Mutex
	moved    chan struct{} // closed and replaced with every change
	position int
	devices  map[string]*fakeDevice // by token
	events   []fakeEvent
	state    map[stateKey]fakeEvent
	lists    []fakeEvent // device list changes: Sender and position
	keys     map[string]map[string]json.RawMessage
	delayed  map[string]*fakeDelayed
	done     map[string]bool // to-device transactions
	noDelays bool
	maxDelay time.Duration
	limit    int         // of a timeline; 0 is the filter's
	branch   []fakeEvent // sent as state before every timeline
	// silent: changes of devices are not told. skew is what the clock is ahead.
	silent bool
	skew   time.Duration
}

type fakeDevice struct {
	user, device string
	inbox        []fakeEvent
	oneTime      map[string]json.RawMessage
	fallback     map[string]json.RawMessage
	fallbackUsed bool
}

type fakeEvent struct {
	position int
	Type     string          `json:"type"`
	StateKey *string         `json:"state_key,omitempty"`
	Sender   string          `json:"sender"`
	EventID  string          `json:"event_id,omitempty"`
	SentAt   int64           `json:"origin_server_ts,omitempty"`
	Content  json.RawMessage `json:"content"`
}

type fakeDelayed struct {
	timer *time.Timer
	delay time.Duration
	write func()
}

const fakeRoom = "!room:test"

func newFake() *fake {
	f := &fake{
		mux: http.NewServeMux(), moved: make(chan struct{}), devices: map[string]*fakeDevice{},
		state: map[stateKey]fakeEvent{}, keys: map[string]map[string]json.RawMessage{},
		delayed: map[string]*fakeDelayed{}, done: map[string]bool{}, maxDelay: 24 * time.Hour,
	}
	f.put("@owner:test", typeCreate, "", json.RawMessage(`{"room_version":"10"}`))
	f.put("@owner:test", typeJoinRules, "", json.RawMessage(`{"join_rule":"public"}`))
	client := "/_matrix/client/v3/"
	f.mux.HandleFunc("GET /_matrix/client/versions", f.versions)
	f.handle("GET "+client+"account/whoami", f.whoami)
	f.handle("POST "+client+"join/{room}", f.join)
	f.handle("GET "+client+"sync", f.sync)
	f.handle("GET "+client+"rooms/{room}/state", f.allState)
	f.handle("GET "+client+"rooms/{room}/state/{type}/{key...}", f.getState)
	f.handle("PUT "+client+"rooms/{room}/state/{type}/{key...}", f.putState)
	f.handle("PUT "+client+"sendToDevice/{type}/{txn}", f.toDevice)
	f.handle("POST "+client+"keys/upload", f.upload)
	f.handle("POST "+client+"keys/query", f.query)
	f.handle("POST "+client+"keys/claim", f.claim)
	f.handle("GET "+client+"capabilities", f.capabilities)
	f.handle("POST /_matrix/client/unstable/org.matrix.msc4140/delayed_events/{id}/{verb}", f.manage)
	f.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { refuse(w, 404, "M_UNRECOGNIZED", nil) })
	return f
}

type fakeHandler func(*fakeDevice, *http.Request) (any, error)

// fakeRefusal is an error answer.
type fakeRefusal struct {
	status int
	code   string
}

func (r fakeRefusal) Error() string { return r.code }

func (f *fake) handle(pattern string, do fakeHandler) {
	f.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		f.mutex.Lock()
		device := f.devices[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		f.mutex.Unlock()
		if device == nil {
			refuse(w, 401, "M_UNKNOWN_TOKEN", nil)
			return
		}
		answer, err := do(device, r)
		if err != nil {
			refusal := err.(fakeRefusal)
			refuse(w, refusal.status, refusal.code, nil)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	})
}

func refuse(w http.ResponseWriter, status int, code string, extra map[string]any) {
	body := map[string]any{"errcode": code, "error": "refused by the test"}
	maps.Copy(body, extra)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// issue makes a device and gives its token.
func (f *fake) issue(user, device string) string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	token := "token-" + user + "-" + device
	if f.devices[token] == nil {
		f.devices[token] = &fakeDevice{
			user: "@" + user + ":test", device: device,
			oneTime: map[string]json.RawMessage{}, fallback: map[string]json.RawMessage{},
		}
	}
	return token
}

// note moves the stream; called under the mutex.
func (f *fake) note() int {
	f.position++
	close(f.moved)
	f.moved = make(chan struct{})
	return f.position
}

// put writes a state event.
func (f *fake) put(sender, eventType, key string, content json.RawMessage) string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.write(sender, eventType, key, content)
}

func (f *fake) write(sender, eventType, key string, content json.RawMessage) string {
	position := f.note()
	event := fakeEvent{
		position: position, Type: eventType, StateKey: &key, Sender: sender,
		EventID: fmt.Sprintf("$%d", position), SentAt: time.Now().Add(f.skew).UnixMilli(), Content: content,
	}
	f.events = append(f.events, event)
	f.state[stateKey{eventType, key}] = event
	return event.EventID
}

func (f *fake) versions(w http.ResponseWriter, _ *http.Request) {
	_ = json.NewEncoder(w).Encode(map[string]any{
		"versions": []string{"v1.11"}, "unstable_features": map[string]bool{"org.matrix.msc4140": !f.noDelays},
	})
}

func (f *fake) whoami(device *fakeDevice, _ *http.Request) (any, error) {
	return map[string]string{"user_id": device.user, "device_id": device.device}, nil
}

func (f *fake) join(device *fakeDevice, r *http.Request) (any, error) {
	if r.PathValue("room") != fakeRoom {
		return nil, fakeRefusal{403, "M_FORBIDDEN"}
	}
	f.put(device.user, typeRoomMember, device.user, json.RawMessage(`{"membership":"join"}`))
	return map[string]string{"room_id": fakeRoom}, nil
}

func (f *fake) allState(*fakeDevice, *http.Request) (any, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return slices.Collect(maps.Values(f.state)), nil
}

func (f *fake) getState(_ *fakeDevice, r *http.Request) (any, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	event, ok := f.state[stateKey{r.PathValue("type"), r.PathValue("key")}]
	if !ok {
		return nil, fakeRefusal{404, "M_NOT_FOUND"}
	}
	return event.Content, nil
}

func (f *fake) putState(device *fakeDevice, r *http.Request) (any, error) {
	var content json.RawMessage
	_ = json.NewDecoder(r.Body).Decode(&content)
	eventType, key := r.PathValue("type"), r.PathValue("key")
	if ms, _ := strconv.Atoi(r.URL.Query().Get(message.QueryDelay)); ms > 0 {
		return f.schedule(time.Duration(ms)*time.Millisecond, func() { f.write(device.user, eventType, key, content) })
	}
	return map[string]string{"event_id": f.put(device.user, eventType, key, content)}, nil
}

func (f *fake) schedule(delay time.Duration, write func()) (any, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.noDelays {
		return nil, fakeRefusal{403, "M_FORBIDDEN"}
	}
	if delay > f.maxDelay {
		return nil, fakeRefusal{403, "M_FORBIDDEN"}
	}
	id := fmt.Sprintf("delay%d", f.note())
	event := &fakeDelayed{delay: delay, write: write}
	event.timer = time.AfterFunc(delay, func() {
		f.mutex.Lock()
		defer f.mutex.Unlock()
		if f.delayed[id] == event {
			delete(f.delayed, id)
			event.write()
		}
	})
	f.delayed[id] = event
	return map[string]string{"delay_id": id}, nil
}

func (f *fake) manage(_ *fakeDevice, r *http.Request) (any, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	id := r.PathValue("id")
	event, ok := f.delayed[id]
	if !ok {
		return nil, fakeRefusal{404, "M_NOT_FOUND"}
	}
	switch r.PathValue("verb") {
	case "restart":
		event.timer.Reset(event.delay)
		return struct{}{}, nil
	case "send":
		event.write()
	}
	event.timer.Stop()
	delete(f.delayed, id)
	return struct{}{}, nil
}

func (f *fake) capabilities(*fakeDevice, *http.Request) (any, error) {
	return map[string]any{"capabilities": map[string]any{
		capabilityDelayed: map[string]any{"max_delay_ms": f.maxDelay.Milliseconds()},
	}}, nil
}

func (f *fake) toDevice(device *fakeDevice, r *http.Request) (any, error) {
	var body struct {
		Messages map[string]map[string]json.RawMessage `json:"messages"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	f.mutex.Lock()
	defer f.mutex.Unlock()
	transaction := device.device + r.PathValue("txn")
	if f.done[transaction] {
		return struct{}{}, nil
	}
	f.done[transaction] = true
	for _, to := range f.devices {
		if content, ok := body.Messages[to.user][to.device]; ok {
			to.inbox = append(to.inbox, fakeEvent{position: f.note(), Type: r.PathValue("type"), Sender: device.user, Content: content})
		}
	}
	return struct{}{}, nil
}

func (f *fake) upload(device *fakeDevice, r *http.Request) (any, error) {
	var body struct {
		Device   json.RawMessage            `json:"device_keys"`
		OneTime  map[string]json.RawMessage `json:"one_time_keys"`
		Fallback map[string]json.RawMessage `json:"fallback_keys"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if body.Device != nil {
		if f.keys[device.user] == nil {
			f.keys[device.user] = map[string]json.RawMessage{}
		}
		f.keys[device.user][device.device] = body.Device
		if !f.silent {
			f.lists = append(f.lists, fakeEvent{position: f.note(), Sender: device.user})
		}
	}
	for id, key := range body.OneTime {
		if old, ok := device.oneTime[id]; ok && string(old) != string(key) {
			return nil, fakeRefusal{400, "M_INVALID_PARAM"}
		}
		device.oneTime[id] = key
	}
	if body.Fallback != nil {
		device.fallback, device.fallbackUsed = body.Fallback, false
	}
	return map[string]any{"one_time_key_counts": map[string]int{"signed_curve25519": len(device.oneTime)}}, nil
}

func (f *fake) query(_ *fakeDevice, r *http.Request) (any, error) {
	var body struct {
		Devices map[string][]string `json:"device_keys"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	f.mutex.Lock()
	defer f.mutex.Unlock()
	found := map[string]map[string]json.RawMessage{}
	for user := range body.Devices {
		found[user] = maps.Clone(f.keys[user])
	}
	return map[string]any{"device_keys": found}, nil
}

func (f *fake) claim(_ *fakeDevice, r *http.Request) (any, error) {
	var body struct {
		Keys map[string]map[string]string `json:"one_time_keys"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	f.mutex.Lock()
	defer f.mutex.Unlock()
	found := map[string]map[string]map[string]json.RawMessage{}
	for _, device := range f.devices {
		if body.Keys[device.user][device.device] == "" {
			continue
		}
		given := map[string]json.RawMessage{}
		for id, key := range device.oneTime {
			given[id] = key
			delete(device.oneTime, id)
			break
		}
		if len(given) == 0 && len(device.fallback) > 0 {
			given, device.fallbackUsed = device.fallback, true
		}
		if found[device.user] == nil {
			found[device.user] = map[string]map[string]json.RawMessage{}
		}
		found[device.user][device.device] = given
	}
	return map[string]any{"one_time_keys": found}, nil
}

// sync answers at once if there is something, else when there is or the
// timeout has passed.
func (f *fake) sync(device *fakeDevice, r *http.Request) (any, error) {
	query := r.URL.Query()
	since, _ := strconv.Atoi(query.Get("since"))
	timeout, _ := strconv.Atoi(query.Get("timeout"))
	ctx, cancel := context.WithTimeout(r.Context(), time.Duration(timeout)*time.Millisecond)
	defer cancel()
	for {
		f.mutex.Lock()
		answer, something := f.answer(device, since, query)
		moved := f.moved
		f.mutex.Unlock()
		if something || since == 0 || ctx.Err() != nil {
			return answer, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
		}
	}
}

func (f *fake) answer(device *fakeDevice, since int, query url.Values) (any, bool) {
	var filter struct {
		Room struct {
			Rooms    []string `json:"rooms"`
			Timeline struct {
				Types []string `json:"types"`
			} `json:"timeline"`
		} `json:"room"`
	}
	_ = json.Unmarshal([]byte(query.Get("filter")), &filter)
	answer := map[string]any{"next_batch": strconv.Itoa(f.position)}
	something := f.answerRoom(device, since, filter.Room.Rooms, filter.Room.Timeline.Types, answer)
	device.inbox = slices.DeleteFunc(device.inbox, func(e fakeEvent) bool { return e.position <= since })
	if len(device.inbox) > 0 {
		answer["to_device"] = map[string]any{"events": device.inbox}
		something = true
	}
	var changed []string
	for _, list := range f.lists {
		if list.position > since && since > 0 {
			changed, something = append(changed, list.Sender), true
		}
	}
	answer["device_lists"] = map[string]any{"changed": changed}
	answer["device_one_time_keys_count"] = map[string]int{"signed_curve25519": len(device.oneTime)}
	unused := []string{}
	if len(device.fallback) > 0 && !device.fallbackUsed {
		unused = append(unused, "signed_curve25519")
	}
	answer["device_unused_fallback_key_types"] = unused
	return answer, something
}

func (f *fake) answerRoom(device *fakeDevice, since int, rooms, types []string, answer map[string]any) bool {
	member, ok := f.state[stateKey{typeRoomMember, device.user}]
	if !ok || !slices.Contains(rooms, fakeRoom) {
		return false
	}
	room := map[string]any{}
	switch {
	case since == 0 || member.position > since:
		room["state"] = map[string]any{"events": slices.Collect(maps.Values(f.state))}
	default:
		var timeline []fakeEvent
		for _, event := range f.events {
			if event.position > since && slices.Contains(types, event.Type) {
				timeline = append(timeline, event)
			}
		}
		if len(timeline) == 0 {
			return false
		}
		limited := f.limit > 0 && len(timeline) > f.limit
		if limited {
			timeline = timeline[len(timeline)-f.limit:]
		}
		room["timeline"] = map[string]any{"events": timeline, "limited": limited}
		if f.branch != nil {
			room["state"] = map[string]any{"events": f.branch}
		}
	}
	answer["rooms"] = map[string]any{"join": map[string]any{fakeRoom: room}}
	return true
}
