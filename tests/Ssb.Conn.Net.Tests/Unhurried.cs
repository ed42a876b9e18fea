using Ssb.Wire;

namespace Ssb.Conn.Net.Tests;

/// <summary>Options for peers on this machine. Whatever has a deadline by default, in which a machine that is on the net answers, has a long one here:
/// where much else runs, shaking hands takes seconds. Tests that are about a deadline set their own.</summary>
internal static class Unhurried
{
    public static PeerNetworkLimits Limits { get; } = new() { HandshakeDeadline = Patience.Guard, PolicyDeadline = Patience.Guard };

    public static HubOptions Hub { get; } = new() { DialDeadline = Patience.Guard, DialDeadlines = new Dictionary<string, TimeSpan>() };

    public static ConnPluginOptions Conn { get; } = new() { Hub = Hub };

    public static SsbPeerOptions Peer { get; } = new() { Limits = Limits, Conn = Conn };

    public static PeerNetworkOptions Network(KeyPair keys) => new() { Keys = keys, Limits = Limits };
}
