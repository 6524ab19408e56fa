variable "name" {
  description = "Name of the cluster; every resource carries it."
  type        = string
  nullable    = false
}

variable "availability_zone" {
  description = "The zone of all nodes. GPU capacity differs between zones, and a capacity block is in one zone."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$", var.availability_zone))
    error_message = "availability_zone must name a zone such as us-east-2a, not a region."
  }
}

variable "cidr" {
  description = "Addresses of the network. Nothing outside is routed to it; choose another one only to peer it."
  type        = string
  default     = "10.42.0.0/16"
  nullable    = false

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && try(tonumber(split("/", var.cidr)[1]), 0) >= 16 && try(tonumber(split("/", var.cidr)[1]), 99) <= 22
    error_message = "cidr must be an IPv4 range between /16 and /22, for example 10.42.0.0/16."
  }
}
