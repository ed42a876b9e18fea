using System.Collections.Frozen;
using System.Collections.Immutable;

namespace Ssb.Wire;

/// <summary>Which procedures a caller may call: those on a list, but none on another.</summary>
/// <remarks>Immutable. <c>conn</c> on a list stands for everything below it, such as <c>conn.stage</c>, as in npm muxrpc 6.7.3.</remarks>
public sealed class RpcPermissions
{
    private readonly FrozenSet<string>? _allow;
    private readonly FrozenSet<string> _deny;
    private RpcApi? _known; // all names are known in it

    /// <summary>Permissions by two lists.</summary>
    /// <param name="allow">What may be called; null for everything.</param>
    /// <param name="deny">What may not be called in spite of that.</param>
    public RpcPermissions(IEnumerable<string>? allow = null, IEnumerable<string>? deny = null)
    {
        _allow = allow?.ToFrozenSet();
        _deny = deny?.ToFrozenSet() ?? [];
    }

    /// <summary>Everything.</summary>
    public static RpcPermissions All { get; } = new();

    /// <summary>What secret-stack lets strangers do: read the manifest.</summary>
    public static RpcPermissions Anonymous { get; } = new(allow: ["manifest"]);

    /// <summary>The names on the lists that are neither those of procedures nor the beginning of any: a name that is mistyped opens nothing and,
    /// worse, forbids nothing.</summary>
    /// <param name="manifest">The procedures that there are.</param>
    public IReadOnlyList<string> GetUnknownNames(RpcManifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        return [.. (_allow ?? []).Concat(_deny).Distinct().Order(StringComparer.Ordinal).Where(name => !manifest.Has(name))];
    }

    /// <summary>The first name that is not known in an api, which is in use from now on; null if all are. Cheap for the api that was asked about
    /// before.</summary>
    internal string? UnknownIn(RpcApi api)
    {
        if (ReferenceEquals(this, All) || ReferenceEquals(this, Anonymous) || ReferenceEquals(Volatile.Read(ref _known), api))
            return null;
        if (GetUnknownNames(api.Manifest) is { Count: > 0 } unknown)
            return unknown[0];
        Volatile.Write(ref _known, api);
        return null;
    }

    /// <summary>The words of npm muxrpc for a call that is not permitted, or null.</summary>
    /// <param name="procedure">The dotted name; null for one that no procedure has.</param>
    /// <param name="shown">The name as the words should have it.</param>
    internal string? Refusal(string? procedure, string shown)
    {
        if (_allow is not null && !Covers(_allow, procedure))
            return $"method:{shown} is not in list of allowed methods";
        return Covers(_deny, procedure) ? $"method:{shown} is on list of disallowed methods" : null;
    }

    private static bool Covers(FrozenSet<string> list, string? procedure)
    {
        if (list.Count == 0 || procedure is null)
            return false;
        if (list.Contains(procedure))
            return true;
        for (int dot = procedure.IndexOf('.'); dot >= 0; dot = procedure.IndexOf('.', dot + 1))
        {
            if (list.Contains(procedure[..dot]))
                return true;
        }

        return false;
    }
}

/// <summary>The permissions of each caller: some identities have their own, everybody else shares one set.</summary>
/// <remarks>Immutable. Ask it when a peer has connected, and give the answer to <see cref="RpcOptions.Permissions"/>.</remarks>
public sealed class RpcAccess(RpcPermissions anonymous)
{
    private ImmutableDictionary<FeedId, RpcPermissions> _byCaller = ImmutableDictionary<FeedId, RpcPermissions>.Empty;

    /// <summary>Strangers may read the manifest, nothing else.</summary>
    public static RpcAccess Default { get; } = new(RpcPermissions.Anonymous);

    /// <summary>What everybody may do who has no permissions of their own.</summary>
    public RpcPermissions Anonymous { get; } = anonymous;

    /// <inheritdoc cref="RpcPermissions.GetUnknownNames"/>
    public IReadOnlyList<string> GetUnknownNames(RpcManifest manifest) =>
        [.. _byCaller.Values.Prepend(Anonymous).SelectMany(permissions => permissions.GetUnknownNames(manifest)).Distinct()];

    /// <summary>The same, with other permissions for one caller.</summary>
    public RpcAccess With(FeedId caller, RpcPermissions permissions) =>
        new(Anonymous) { _byCaller = _byCaller.SetItem(caller, permissions) };

    /// <summary>What this caller may do.</summary>
    /// <param name="caller">Its identity; null where there is none, and <see cref="Anonymous"/> applies.</param>
    public RpcPermissions For(FeedId? caller) =>
        caller is { } id && _byCaller.TryGetValue(id, out RpcPermissions? permissions) ? permissions : Anonymous;
}
