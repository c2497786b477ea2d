package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"meshfocus/internal/testcard"
	"meshfocus/mesh/headless"
	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/matrix"
)

// lobbyCall is the link and the conference ID of the lobby.
const lobbyCall = "lobby"

// host is the user who makes rooms.
const host = "meshfocus"

func (d *daemon) lobbyAlias() string { return "#" + lobbyCall + ":" + d.config.Homeserver.ServerName }

// openLobby makes the room and the parties that are to be in it. They are
// members of its slot and of its conference, so that clients of either kind
// see them.
func (d *daemon) openLobby(ctx context.Context) error {
	if _, err := d.homeserver.EnsureRoom(lobbyCall, d.config.Lobby.Name, host, homeserver.PresetPublic); err != nil {
		return fmt.Errorf("lobby: %w", err)
	}
	if d.config.Lobby.TestCard {
		clip := &headless.Clip{Video: testcard.Video, Audio: testcard.Audio}
		if err := d.addParty(ctx, "testcard", "test card", clip); err != nil {
			return err
		}
	}
	if d.config.Lobby.Viewer {
		if err := d.addParty(ctx, "viewer", "viewer", nil); err != nil {
			return err
		}
	}
	if d.house != nil {
		return d.addParty(ctx, focusUser, "focus", nil)
	}
	return nil
}

// addParty opens a headless party on a device of its own.
func (d *daemon) addParty(ctx context.Context, name, role string, clip *headless.Clip) error {
	account, err := d.partyAccount(name, role)
	if err != nil {
		return fmt.Errorf("%s: %w", role, err)
	}
	media, relay := d.mediaConfig(), d.relay
	if media.Port != 0 {
		media.Port += len(*d.seats.Load())
	}
	forwards := name == focusUser
	if forwards {
		relay = forwardRelay(relay)
	}
	party, err := headless.Open(ctx, headless.Config{
		Account: account, Room: d.lobbyAlias(), CallID: lobbyCall, Clip: clip, Media: media,
		Forward: forwards, House: d.house,
		Relay: relay, EncryptFrames: d.frames, AsItComes: !d.config.Media.Adaptive, MaxMembers: d.config.Media.MaxMembers, Profile: d.config.Membership.profile(), Log: d.log,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", role, err)
	}
	seats := append(slices.Clone(*d.seats.Load()), seat{party, role})
	d.seats.Store(&seats)
	return nil
}

// lobbyParties is how many parties of the lobby have a port of their own.
func lobbyParties(c LobbyConfig) (parties int) {
	for _, there := range []bool{c.TestCard, c.Viewer} {
		if there && c.Enabled {
			parties++
		}
	}
	return parties
}

// partyAccount makes the user and the device of a headless party.
func (d *daemon) partyAccount(name, role string) (matrix.Config, error) {
	err := d.homeserver.EnsureUser(name, "")
	if err == nil {
		err = d.homeserver.SetDisplayName(name, strings.ToUpper(role[:1])+role[1:])
	}
	if err != nil {
		return matrix.Config{}, err
	}
	device := strings.ToUpper(name)
	token, err := d.homeserver.IssueToken(name, device, "meshfocus "+role)
	if err != nil {
		return matrix.Config{}, err
	}
	mode, err := matrix.ParseEncryptMode(d.config.Lobby.Encrypt)
	account := matrix.Config{Homeserver: insideURL, Transport: d.inside, Token: token, DeviceID: device, Encrypt: mode, Trust: d.trust, Log: d.log}
	if d.config.Homeserver.Data != "" {
		account.StateDir = filepath.Join(d.config.Homeserver.Data, "parties", name)
	}
	return account, err
}
