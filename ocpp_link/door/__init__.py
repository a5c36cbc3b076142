"""The interfaces `ocpp` and `ocpp_1_6_charge_point`, at the link's own socket and at the core's."""
