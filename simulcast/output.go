package simulcast

// Output is the stream of one source to one subscriber: what is selected of it,
// and the numbers it leaves with. It belongs to the read loop of the publisher's
// lane and shares nothing with other Outputs.
type Output struct {
	Selector Selector
	Rewriter Rewriter
}

// NewOutput gives an output that wants nothing yet. The first packet that leaves
// has the sequence number and the timestamp given, which RFC 3550 wants random.
func NewOutput(sequence uint16, timestamp uint32) *Output {
	return &Output{NewSelector(), NewRewriter(sequence, timestamp)}
}

// Next answers for a packet that the source has observed.
func (o *Output) Next(source *Source, p *Packet) (out Outgoing) {
	verdict, reason := o.Selector.Choose(source, p)
	switch {
	case verdict == Switch:
		o.enter(source, p, &out)
	case o.Selector.has(p):
		o.Rewriter.Rewrite(source, p, reason, o.Selector.highest(p).Layer, &out)
	default:
		out.Reason = reason
	}
	return out
}

// enter joins another stream, if its time allows.
func (o *Output) enter(source *Source, p *Packet, out *Outgoing) {
	if !o.Rewriter.Join(source, p, o.Selector.flows(source)) {
		out.Reason = Behind
		return
	}
	o.Selector.Enter(source, p)
	o.Rewriter.Begin(p, o.Selector.highest(p).Layer, out)
}
