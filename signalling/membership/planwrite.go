package membership

import (
	"reflect"
	"slices"
	"time"

	"meshfocus/signalling/message"
)

// Session gives a membership in the state as the plan has it: its transports,
// veil and place in the queue. now is the writer's clock.
func (p Plan) Session(content message.SessionContent, now time.Time) message.SessionContent {
	content.FociPreferred = p.Foci
	content.FocusActive = message.Focus{Type: p.Foci[0].Type}.With(p.Route)
	if !message.IsMesh(p.Foci[0].Type) {
		content.FocusActive.Selection = selectOwn
	}
	if p.RumaSafe {
		content = content.RumaSafe()
	}
	if p.Behind {
		content = content.Behind(now)
	}
	return content
}

// Sticky gives a sticky membership with the transports of the plan.
func (p Plan) Sticky(content message.StickyMember) message.StickyMember {
	content.Transports = message.Transports{Published: p.Routed()}
	for _, focus := range p.Foci {
		content.Transports.CanSubscribe = append(content.Transports.CanSubscribe, focus.Type)
	}
	return content
}

// Routed gives the transports with the route beside them.
func (p Plan) Routed() []message.Focus {
	foci := slices.Clone(p.Foci)
	for i := range foci {
		foci[i] = foci[i].With(p.Route)
	}
	return foci
}

// Same reports whether two plans have a membership written in the same way, but
// for the route.
func (p Plan) Same(other Plan) bool {
	return p.Form == other.Form && p.RumaSafe == other.RumaSafe && p.Behind == other.Behind && reflect.DeepEqual(p.Foci, other.Foci)
}
