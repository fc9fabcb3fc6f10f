// Package telemetry makes traces and sends them to a collector, over HTTP by
// the OpenTelemetry protocol.
//
//	api's server span ─┐
//	Transport's client ├─ sampler ─ batches ─ uploader ─ POST …/v1/traces
//	span, one for each ┘
//	call to a vendor
//
// Without an endpoint Open returns nil, and a nil *Traces makes nothing and
// costs nothing: its Tracer is nil and its Transport is the one it was given.
//
// Batches and their encoding are the OpenTelemetry SDK's. The upload is our
// own: the one that comes with the SDK links gRPC into the binary.
//
// No attribute holds a token, an e-mail address, a query or a path: of a vendor
// call the method, the host and the status are told, and nothing of the trace is
// sent to the vendor.
package telemetry
