package main

import (
	"context"
	"errors"
	"time"

	"meshfocus/signalling/appservice"
	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/socket"
)

// lodging is a homeserver on which guests get devices.
type lodging interface {
	serverName() string
	// makeRoom makes the room of a call that people made.
	makeRoom(ctx context.Context, call, name string) (roomID string, err error)
	// lodge makes the guest's device and brings it into the room; the account
	// says how to log in. checkOut takes all of it back.
	lodge(ctx context.Context, who lodger) (account matrix.Config, checkOut func(), err error)
}

// lodger is a guest as a homeserver is told of one.
type lodger struct{ local, device, name, roomID string }

// lodgeTime bounds what is asked of another homeserver in one go.
const lodgeTime = 15 * time.Second

// atHome is the embedded homeserver.
type atHome struct {
	server *homeserver.Server
	inside inside
}

func (h atHome) serverName() string { return h.server.Name() }

func (h atHome) makeRoom(_ context.Context, call, name string) (string, error) {
	return h.server.EnsureRoom("call-"+call, name, host, homeserver.PresetPrivate)
}

func (h atHome) lodge(_ context.Context, who lodger) (matrix.Config, func(), error) {
	checkOut := func() { h.server.RemoveUser(who.local) }
	if err := h.server.EnsureUser(who.local, ""); err != nil {
		return matrix.Config{}, nil, err
	}
	token, err := h.server.IssueToken(who.local, who.device, "meshfocus guest")
	if err == nil {
		err = h.server.SetDisplayName(who.local, who.name)
	}
	if err == nil {
		err = h.server.EnsureJoined(who.roomID, who.local)
	}
	if err != nil {
		checkOut()
		return matrix.Config{}, nil, refusalOf(err)
	}
	return matrix.Config{Homeserver: insideURL, Transport: h.inside, Token: token, DeviceID: who.device}, checkOut, nil
}

// refusalOf words why a guest cannot be brought into a room.
func refusalOf(err error) error {
	refusal := socket.Refuse(socket.CodeNotAllowed, "The server does not let you into this call.")
	if errors.Is(err, homeserver.ErrNoRoom) {
		refusal = socket.Refuse(socket.CodeNoSuchCall, "There is no such call any more.")
	}
	return errors.Join(refusal, err)
}

// atService is another homeserver, where we are an application service.
type atService struct{ service *appservice.Service }

func (a atService) serverName() string { return a.service.ServerName() }

func (a atService) makeRoom(ctx context.Context, _, name string) (string, error) {
	return a.service.CreateRoom(ctx, name)
}

func (a atService) lodge(ctx context.Context, who lodger) (matrix.Config, func(), error) {
	made, err := a.service.Issue(ctx, who.local, who.device, "meshfocus guest")
	if err != nil {
		return matrix.Config{}, nil, err
	}
	checkOut := func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lodgeTime)
		defer cancel()
		_ = a.service.Retire(ctx, who.roomID, made) // the seat has left and logged out already
	}
	if err := a.service.Bring(ctx, who.roomID, made); err != nil {
		checkOut()
		return matrix.Config{}, nil, err
	}
	return matrix.Config{Homeserver: made.Homeserver, Transport: made.Transport, Token: made.Token, DeviceID: made.DeviceID}, checkOut, nil
}
