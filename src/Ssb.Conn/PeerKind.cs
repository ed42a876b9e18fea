// As ssb-conn 6.0.4 tells a peer's type from its data (conn-scheduler, detectType).
namespace Ssb.Conn;

/// <summary>What the scheduler and the hub take a peer for.</summary>
internal enum PeerKind
{
    Unknown,
    Bluetooth,
    Lan,
    Internet,
    Dht,
    Pub,
    Room,
    RoomAttendant,
    RoomAttendantAlias,
}

internal static class PeerKinds
{
    public static PeerKind Of(MultiserverAddress address, PeerData data) => data.Type switch
    {
        "bt" => PeerKind.Bluetooth,
        "lan" => PeerKind.Lan,
        "internet" => PeerKind.Internet,
        "dht" => PeerKind.Dht,
        "pub" => PeerKind.Pub,
        "room" => PeerKind.Room,
        "room-endpoint" or "room-attendant" => data.HasAlias ? PeerKind.RoomAttendantAlias : PeerKind.RoomAttendant,
        _ => data.Source switch
        {
            "local" => PeerKind.Lan,
            "pub" => PeerKind.Pub,
            "internet" => PeerKind.Internet,
            "dht" => PeerKind.Dht,
            _ => data.InferredType switch
            {
                "bt" => PeerKind.Bluetooth,
                "lan" => PeerKind.Lan,
                "dht" => PeerKind.Dht,
                "internet" => PeerKind.Internet,
                _ when address.Text.StartsWith("bt:", StringComparison.Ordinal) => PeerKind.Bluetooth,
                _ when address.Text.StartsWith("dht:", StringComparison.Ordinal) => PeerKind.Dht,
                _ => PeerKind.Unknown,
            },
        },
    };

    /// <summary>What an address alone tells, for a connected peer of whom nobody told a type: the field <c>inferredType</c>.</summary>
    public static string? Infer(MultiserverAddress address)
    {
        if (address.Text.StartsWith("bt:", StringComparison.Ordinal))
            return "bt";
        if (address.Text.StartsWith("dht:", StringComparison.Ordinal))
            return "dht";
        if (address.Text.StartsWith("tunnel:", StringComparison.Ordinal))
            return "tunnel";
        MultiserverRoute route = address.Routes[0];
        return route.Transport != "net" || route.Host is not { } host ? null : AddressScopes.Of(host) < AddressScope.Public ? "lan" : "internet";
    }
}
