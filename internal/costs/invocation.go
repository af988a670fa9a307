package costs

// Invocation is what the estimate assumes of one invocation of the processor. The processor's tests compare it with
// what the function does.
type Invocation struct {
	Messages   float64
	Updates    float64 // of device state
	Requests   float64 // to all stores
	StateBytes float64 // of one item of device state, at most
	LogBytes   float64 // at most
	Metrics    float64 // that are counted each time
}

// Invocation returns the mean invocation of the processor.
func (s Setup) Invocation() Invocation {
	b := bill{setup: s, traffic: s.traffic()}
	return Invocation{Messages: b.traffic.batch, Updates: b.traffic.updates, Requests: b.storeRequests(),
		StateBytes: stateBytes(b.traffic.readingBytes), LogBytes: logBytes(b.traffic.batch), Metrics: processorMetrics}
}
