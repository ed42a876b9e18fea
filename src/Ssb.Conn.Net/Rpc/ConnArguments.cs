using System.Text.Json;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>Reads the arguments of calls, and complains of them in the words of ssb-conn.</summary>
/// <remarks>JavaScript takes much for something else: there <c>stage(null)</c> stages a peer called <c>null</c>, and text as data is a field for each
/// character. Here an address is a string, and data with fields are an object.</remarks>
internal static class ConnArguments
{
    // ssb-conn-staging, ssb-conn-hub and ssb-conn-db; ssb-conn-db; ssb-conn.
    private const string NoAddress = "The given address is not a valid multiserver-address";
    private const string NoData = "The given connection data should have been an object";
    private const string NoConnectData = "CONN.connect() received incorrect arguments";

    private const string NoTarget = "The target is neither a feed id (@, 32 bytes in base64, .ed25519) nor a multiserver address";

    private static readonly TimeSpan s_longest = TimeSpan.FromDays(36_500);

    public static MultiserverAddress Address(RpcCall call) => TryAddress(call) ?? throw new RpcException(NoAddress);

    // The URI of an address is read. Of another kind it is what ssb-conn takes it for, an address of a transport that nobody has.
    public static MultiserverAddress? TryAddress(RpcCall call) =>
        Text(call, 0) is { } text && (MultiserverAddress.TryReadLenient(text, out MultiserverAddress? address) || MultiserverAddress.TryParse(text, out address)) ? address : null;

    /// <summary>The data of <c>stage</c>; null: none were given.</summary>
    public static PeerData? StagingData(RpcCall call) => call.Argument(1) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Object } data => Read(data),
        { ValueKind: JsonValueKind.True or JsonValueKind.False or JsonValueKind.Number } => PeerData.Empty, // as there, where it has no fields
        _ => throw new RpcException(NoData),
    };

    /// <summary>The data of <c>remember</c>; null: none were given.</summary>
    public static PeerData? DbData(RpcCall call) => call.Argument(1) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Object } data => Read(data),
        _ => throw new RpcException(NoData),
    };

    /// <summary>The data of <c>connect</c>.</summary>
    public static PeerData HubData(RpcCall call) => call.Argument(1) switch
    {
        null => PeerData.Empty,
        { ValueKind: JsonValueKind.Object } data => Read(data),
        // As there: what is true of itself is no data, and does no harm.
        { ValueKind: JsonValueKind.True } => PeerData.Empty,
        { ValueKind: JsonValueKind.String } text when JsonGate.TextOf(text) != "" => PeerData.Empty,
        { ValueKind: JsonValueKind.Number } number when !(number.TryGetDouble(out double value) && value == 0) => PeerData.Empty,
        _ => throw new RpcException(NoConnectData),
    };

    public static string Target(RpcCall call) => Text(call, 0) ?? throw new RpcException(NoTarget);

    /// <summary>An end that may be given, in Unix milliseconds.</summary>
    public static DateTimeOffset? Until(RpcCall call)
    {
        if (Plain(call, 1) is not { ValueKind: not (JsonValueKind.Null or JsonValueKind.False) } until)
            return null;
        return Number(until) is { } ms && ms >= 0 && ms <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? DateTimeOffset.FromUnixTimeMilliseconds((long)ms)
            : throw new RpcException("The end should have been a time in Unix milliseconds");
    }

    public static TimeSpan Duration(RpcCall call) =>
        Plain(call, 1) is { } duration && Number(duration) is { } ms && ms > 0 && ms <= s_longest.TotalMilliseconds
            ? TimeSpan.FromMilliseconds(ms)
            : throw new RpcException("The duration should have been a number of milliseconds, above 0 and below 100 years");

    /// <summary>Does a reader of events want to be told of who is there already?</summary>
    public static bool Old(RpcCall call) => call.Argument(0) is { } options
        && JsonGate.TryGetMember(options, "old"u8, out JsonElement old) && old.ValueKind == JsonValueKind.True;

    private static double? Number(JsonElement value) => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) ? number : null;

    private static string? Text(RpcCall call, int index) => Plain(call, index) is { } argument ? JsonGate.TextOf(argument) : null;

    /// <summary>An argument that is no object; null if there is none. The stock command line (npm muxrpcli) adds an object with the options of
    /// its own call behind the arguments of every call: where a procedure takes no object, that one is not there.</summary>
    private static JsonElement? Plain(RpcCall call, int index) =>
        call.Argument(index) is { } argument && !(argument.ValueKind == JsonValueKind.Object && index == call.Arguments.GetArrayLength() - 1)
            ? argument
            : null;

    private static PeerData Read(JsonElement data)
    {
        try
        {
            return PeerData.Of(data);
        }
        catch (JsonException e) // nested too deep: what else it may be, is known by now
        {
            throw new RpcException(e.Message);
        }
    }
}
