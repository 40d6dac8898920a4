// A validating webhook that refuses whatever it is asked, and says so.
package main

import (
	"encoding/json"
	"log"
	"net/http"
)

type review struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Request    map[string]any `json:"request,omitempty"`
	Response   map[string]any `json:"response,omitempty"`
}

func refuse(answer http.ResponseWriter, asked *http.Request) {
	var found review
	if err := json.NewDecoder(asked.Body).Decode(&found); err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
		return
	}
	found.Response = map[string]any{
		"uid":     found.Request["uid"],
		"allowed": false,
		"status":  map[string]any{"message": "the webhook in a pod was asked"},
	}
	found.Request = nil
	answer.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(answer).Encode(found); err != nil {
		log.Print(err)
	}
}

func main() {
	http.HandleFunc("/", refuse)
	log.Fatal(http.ListenAndServeTLS(":8443", "/tls/tls.crt", "/tls/tls.key", nil))
}
