package fault

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

const maxAdminBody = 1 << 20

func (i *Injector) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /_sandbox/faults", i.postFault)
	mux.HandleFunc("GET /_sandbox/faults", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, i.Rules())
	})
	mux.HandleFunc("DELETE /_sandbox/faults", func(w http.ResponseWriter, _ *http.Request) {
		i.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_sandbox/calls", func(w http.ResponseWriter, _ *http.Request) {
		calls := i.Calls()
		if calls == nil {
			calls = []Call{}
		}
		writeJSON(w, http.StatusOK, calls)
	})
	mux.HandleFunc("DELETE /_sandbox/calls", func(w http.ResponseWriter, _ *http.Request) {
		i.ForgetCalls()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_sandbox/clock", i.getClock)
	mux.HandleFunc("POST /_sandbox/clock", i.postClock)
	if i.o.Quirks != nil {
		mux.HandleFunc("GET /_sandbox/quirks", func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, http.StatusOK, i.o.Quirks())
		})
	}
	if i.o.PatchQuirks != nil {
		mux.HandleFunc("PATCH /_sandbox/quirks", i.patchQuirks)
	}
	if i.o.State != nil {
		mux.HandleFunc("GET /_sandbox/state", func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, http.StatusOK, i.o.State())
		})
	}
	for pattern, handler := range i.o.Extra {
		mux.HandleFunc(pattern, handler)
	}
	return mux
}

func (i *Injector) postFault(w http.ResponseWriter, r *http.Request) {
	var f Fault
	if !readJSON(w, r, &f) {
		return
	}
	id, err := i.Add(f)
	if err != nil {
		refuse(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, map[string]string{"id": id})
}

func (i *Injector) getClock(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]time.Time{"now": i.o.Clock.Now()})
}

func (i *Injector) postClock(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Advance string `json:"advance"`
	}
	if !readJSON(w, r, &in) {
		return
	}
	d, err := time.ParseDuration(in.Advance)
	if err == nil && d < 0 {
		err = errors.New("advance: negative")
	}
	if err != nil {
		refuse(w, err)
		return
	}
	i.o.Clock.Advance(d)
	i.getClock(w, r)
}

func (i *Injector) patchQuirks(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAdminBody))
	if err == nil {
		err = i.o.PatchQuirks(body)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	if i.o.Quirks == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	writeJSON(w, http.StatusOK, i.o.Quirks())
}

func readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAdminBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		refuse(w, err)
		return false
	}
	return true
}

func refuse(w http.ResponseWriter, err error) {
	writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
}
