package matrix

import (
	"context"
	"encoding/json"
	"fmt"

	"meshfocus/signalling/message"
)

// Clients of MSC3401 need a state event that says that a conference exists: the
// call object. Members of a slot need none.

// openCall creates the call object of our conference, or revives one that was
// terminated, unless a live one is there. Other conferences of the room are
// left alone.
func (m *Membership) openCall(ctx context.Context) error {
	live, err := m.callIsLive(ctx)
	if err != nil || live {
		return err
	}
	content, err := message.CallObject{Intent: "m.room", Type: m.config.CallType}.Encode()
	if err != nil {
		return fmt.Errorf("create call %s: %w", m.config.CallID, err)
	}
	err = m.account.stubbornly(ctx, func(ctx context.Context) error {
		_, err := m.account.putState(ctx, m.config.RoomID, message.TypeCall, m.config.CallID, json.RawMessage(content), 0)
		return err
	})
	if err != nil {
		return m.account.explainWrite(ctx, m.config.RoomID, message.TypeCall, err)
	}
	m.log.Info("created the call", "call", m.config.CallID)
	return nil
}

// callIsLive looks at both names of the type. Readers take the one that was
// edited last, which cannot be seen here: if one of the two is terminated the
// object is written anew, and then it is the last.
func (m *Membership) callIsLive(ctx context.Context) (live bool, err error) {
	for _, eventType := range []string{message.TypeCall, message.TypeCallStable} {
		content, err := m.stateOf(ctx, eventType, m.config.CallID)
		if err != nil {
			return false, m.account.explain("read call "+m.config.CallID, err)
		}
		if content == nil {
			continue
		}
		call, err := message.ParseCallObject(content)
		if err == nil && call.Terminated {
			return false, nil
		}
		live = live || err == nil
	}
	return live, nil
}

// giveUpConference goes on with the slot alone. Called by Join before anything
// else of the membership runs.
func (m *Membership) giveUpConference(cause error) {
	for _, p := range m.kept() {
		if p.place.name == message.FormCalls.String() {
			m.drop(p)
		}
	}
	m.config.CallID = ""
	words := "clients that only know MSC3401 conferences (GroupCall) cannot join: " + cause.Error()
	m.lament(&m.trouble.conference, words)
}
