"""The WebSocket to the back office: where, how, when again; and what is heard on it."""
