using System.Collections.Frozen;
using System.Text.Json;

namespace Ssb.Wire;

/// <summary>A call as a procedure sees it.</summary>
public sealed class RpcCall
{
    private readonly byte[] _arguments;

    internal RpcCall(RpcConnection connection, string procedure, byte[] arguments)
    {
        Connection = connection;
        Procedure = procedure;
        _arguments = arguments;
    }

    /// <summary>The connection that it came by. Procedures may call back on it, but must not block on the answer.</summary>
    public RpcConnection Connection { get; }

    /// <summary>Who calls; null where the connection knows nobody.</summary>
    public FeedId? Caller => Connection.Remote;

    /// <summary>The procedure's dotted name.</summary>
    public string Procedure { get; }

    /// <summary>The arguments: a JSON array, from a stranger.</summary>
    public JsonElement Arguments => field.ValueKind == JsonValueKind.Undefined ? field = RpcValue.RawJson(_arguments).AsJson() : field;

    /// <summary>One argument, or null where there are fewer.</summary>
    public JsonElement? Argument(int index) => index < Arguments.GetArrayLength() ? Arguments[index] : null;
}

/// <summary>The procedures that a peer serves.</summary>
/// <remarks>
/// <para>Add them, then give the api to any number of connections; the first one freezes it. A procedure's name is dotted, such as
/// <c>conn.stage</c>. <c>manifest</c> is always there.</para>
/// <para>As in JavaScript, procedures start in the order in which they were called, on the reader of their connection, and hold that
/// connection up until their first <c>await</c> that waits. Long or blocking work belongs behind one. A <see cref="RpcException"/> that they
/// throw is sent with its message; of any other exception the peer only learns that it happened
/// (<see cref="RpcOptions.OnEvent"/> has it).</para>
/// <para>The token is cancelled when the caller ends its call or the connection ends.</para>
/// </remarks>
public sealed class RpcApi
{
    private readonly Dictionary<string, RpcProcedure> _procedures = [];
    private readonly Lock _gate = new();
    private FrozenDictionary<string, RpcProcedure>? _frozen;
    private RpcManifest? _manifest;
    private RpcValue _manifestValue;

    /// <summary>An api with <c>manifest</c>.</summary>
    public RpcApi() => Sync("manifest", _ =>
    {
        Freeze();
        return _manifestValue;
    });

    /// <summary>An api with the procedures of another one, to which more can be added. The other one stays as it is, and may be in use.</summary>
    /// <param name="other">The other one.</param>
    public RpcApi(RpcApi other)
        : this()
    {
        ArgumentNullException.ThrowIfNull(other);
        lock (other._gate)
        {
            foreach ((string name, RpcProcedure procedure) in other._procedures)
                _procedures.TryAdd(name, procedure); // but for the manifest, which is its own
        }
    }

    /// <summary>Nothing but <c>manifest</c>. It is in use from the beginning: it is that of all who have none.</summary>
    internal static RpcApi Empty { get; } = MakeEmpty();

    /// <summary>The names and types of all that was added. Freezes the api.</summary>
    public RpcManifest Manifest
    {
        get
        {
            Freeze();
            return _manifest!; // Freeze made it
        }
    }

    /// <summary>Adds a procedure whose result is there at once.</summary>
    /// <exception cref="ArgumentException">There is one of that name, or one is the beginning of the other, or the name is none.</exception>
    /// <exception cref="InvalidOperationException">The api is in use already. So for the other kinds.</exception>
    public RpcApi Sync(string name, Func<RpcCall, RpcValue> procedure)
    {
        ArgumentNullException.ThrowIfNull(procedure);
        return Add(name, new(RpcProcedureType.Sync) { Async = (call, _) => new ValueTask<RpcValue>(procedure(call)) });
    }

    /// <summary>Adds a procedure that gives one result.</summary>
    public RpcApi Async(string name, Func<RpcCall, CancellationToken, ValueTask<RpcValue>> procedure)
    {
        ArgumentNullException.ThrowIfNull(procedure);
        return Add(name, new(RpcProcedureType.Async) { Async = procedure });
    }

    /// <summary>Adds a procedure that gives a stream. It is called at once, and enumerated on the thread pool, no faster than the
    /// peer takes what it gives.</summary>
    public RpcApi Source(string name, Func<RpcCall, CancellationToken, IAsyncEnumerable<RpcValue>> procedure)
    {
        ArgumentNullException.ThrowIfNull(procedure);
        return Add(name, new(RpcProcedureType.Source) { Source = procedure });
    }

    /// <summary>Adds a procedure that takes a stream. The enumeration throws <see cref="RpcException"/> if the peer ends it with an error.</summary>
    public RpcApi Sink(string name, Func<RpcCall, IAsyncEnumerable<RpcValue>, CancellationToken, Task> procedure)
    {
        ArgumentNullException.ThrowIfNull(procedure);
        // Without the token: the enumeration ends with what the peer or the connection said, not with a cancellation.
        return Add(name, new(RpcProcedureType.Sink)
        {
            Duplex = (call, stream, token) => procedure(call, stream.ReadAllAsync(CancellationToken.None), token),
        });
    }

    /// <summary>Adds a procedure with a stream each way. Ours ends when its task does.</summary>
    public RpcApi Duplex(string name, Func<RpcCall, RpcDuplex, CancellationToken, Task> procedure)
    {
        ArgumentNullException.ThrowIfNull(procedure);
        return Add(name, new(RpcProcedureType.Duplex) { Duplex = procedure });
    }

    private static RpcApi MakeEmpty()
    {
        var empty = new RpcApi();
        empty.Freeze();
        return empty;
    }

    internal RpcProcedure? Find(string name) => Freeze().GetValueOrDefault(name);

    private RpcApi Add(string name, RpcProcedure procedure)
    {
        RpcRequest.CheckName(name);
        lock (_gate)
        {
            if (_frozen is not null)
                throw new InvalidOperationException("The api is in use; procedures are added before that.");
            if (_procedures.Keys.FirstOrDefault(other => Overlap(name, other)) is { } taken)
                throw new ArgumentException($"'{name}' cannot stand beside '{taken}'.", nameof(name));

            _procedures.Add(name, procedure);
            return this;
        }
    }

    private static bool Overlap(string a, string b) =>
        a == b || a.StartsWith(b + ".", StringComparison.Ordinal) || b.StartsWith(a + ".", StringComparison.Ordinal);

    private FrozenDictionary<string, RpcProcedure> Freeze()
    {
        if (Volatile.Read(ref _frozen) is { } frozen)
            return frozen;

        lock (_gate)
        {
            if (_frozen is null)
            {
                _manifest = new RpcManifest(_procedures.Select(p => KeyValuePair.Create(p.Key, p.Value.Type)));
                _manifestValue = RpcValue.RawJson(_manifest.ToJson());
                Volatile.Write(ref _frozen, _procedures.ToFrozenDictionary());
            }

            return _frozen;
        }
    }
}

/// <summary>One procedure; the delegate of its kind is there.</summary>
internal sealed record RpcProcedure(RpcProcedureType Type)
{
    public Func<RpcCall, CancellationToken, ValueTask<RpcValue>>? Async { get; init; }

    public Func<RpcCall, CancellationToken, IAsyncEnumerable<RpcValue>>? Source { get; init; }

    public Func<RpcCall, RpcDuplex, CancellationToken, Task>? Duplex { get; init; }
}
