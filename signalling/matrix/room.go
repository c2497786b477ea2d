package matrix

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"

	"meshfocus/signalling/membership"
)

// Room is a room as it is at one moment.
type Room struct {
	membership.Facts
	// Name is m.room.name, else the canonical alias, else empty.
	Name string
	// Names are the display names of the joined users that have one.
	Names map[string]string
}

// ReadRoom asks for the state of a room we are in. Who wants to hear of
// changes subscribes. Refusals carry ErrNotAllowed or ErrNotFound.
func (a *Account) ReadRoom(ctx context.Context, roomID string) (Room, error) {
	var events []json.RawMessage
	err := a.patiently(ctx, func(ctx context.Context) error {
		return a.get(ctx, &events, "v3", "rooms", roomID, "state")
	})
	if err != nil {
		return Room{}, a.explain("read room "+roomID, err)
	}
	state, name, alias := newRoomState(roomID), "", ""
	for _, raw := range events {
		event, ok := readRoomEvent(raw)
		if !ok {
			continue
		}
		state.apply(event)
		switch event.Type {
		case typeRoomName:
			name = event.field("name")
		case typeAlias:
			alias = event.field("alias")
		}
	}
	facts := state.facts()
	facts.Ahead = a.clock.ahead()
	return Room{Facts: facts, Name: cmp.Or(name, alias), Names: state.names}, nil
}

// LeaveRoom leaves a room; not being in it is fine.
func (a *Account) LeaveRoom(ctx context.Context, roomID string) error {
	err := a.patiently(ctx, func(ctx context.Context) error {
		return a.call(ctx, http.MethodPost, clientPath("v3", "rooms", roomID, "leave"), nil, struct{}{}, nil)
	})
	if kind := classify(err).kind; kind == faultForbidden || kind == faultNotFound {
		return nil // we are not in it
	}
	return a.explain("leave room "+roomID, err)
}

// SetDisplayName sets the name of our user, as others see it in all rooms.
func (a *Account) SetDisplayName(ctx context.Context, name string) error {
	err := a.patiently(ctx, func(ctx context.Context) error {
		path := clientPath("v3", "profile", a.party.UserID, "displayname")
		return a.call(ctx, http.MethodPut, path, nil, map[string]string{"displayname": name}, nil)
	})
	return a.explain("set the display name", err)
}
