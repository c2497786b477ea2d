package matrix

import (
	"context"
	"encoding/json"

	"meshfocus/signalling/message"
)

// forgetLeftovers cancels the delayed leaves that an earlier process of our
// device has armed for the event: they would take us out though we are new. It
// does what it can; one that fires nevertheless is noticed, and we join again.
//
// In an event of all our devices they are told from those of the others by
// what they say: the leave of a device that is in the event is the event
// without it. Cancelling that of another device by mistake does little, it
// arms anew with its next restart.
func (p *post) forgetLeftovers(ctx context.Context) {
	if p.place.sticky || !p.account.DelaysEvents() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, pace)
	defer cancel()
	delayed, err := p.leftovers(ctx)
	if err != nil {
		p.log.Debug("cannot look for delayed leaves of an earlier process; one may take us out", "err", err)
		return
	}
	for _, delayID := range delayed {
		if err := p.account.delayedEvent(ctx, delayID, "cancel"); err != nil {
			p.log.Debug("cannot cancel the delayed leave of an earlier process", "err", err)
			continue
		}
		p.log.Info("cancelled the delayed leave of an earlier process")
	}
}

// leftovers lists the delay IDs of such leaves.
func (p *post) leftovers(ctx context.Context) (delayed []string, err error) {
	var answer struct {
		Events []struct {
			DelayID  string          `json:"delay_id"`
			RoomID   string          `json:"room_id"`
			Type     string          `json:"type"`
			StateKey string          `json:"state_key"`
			Content  json.RawMessage `json:"content"`
		} `json:"delayed_events"`
	}
	if err = p.account.getPath(ctx, &answer, pathOf(message.PathDelayedEvents)); err != nil {
		return nil, err
	}
	key := p.key()
	for _, event := range answer.Events {
		there := event.RoomID == p.room && event.Type == p.place.eventType &&
			(event.StateKey == key || event.StateKey == p.place.other(key))
		if there && !p.place.form.holdsDevice(event.Content) {
			delayed = append(delayed, event.DelayID)
		}
	}
	if len(delayed) == 0 || !p.place.shared {
		return delayed, nil
	}
	present, err := p.read(ctx)
	if err != nil || !p.place.form.holdsDevice(present) {
		return nil, err
	}
	return delayed, nil
}
