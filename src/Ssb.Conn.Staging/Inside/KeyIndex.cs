using System.Runtime.InteropServices;

namespace Ssb.Conn;

/// <summary>All routes to a peer: the slots of an identity, in order of arrival. Not thread-safe.</summary>
internal sealed class KeyIndex
{
    private readonly Dictionary<string, SlotList> _byKey = [];
    private ChunkedArray<Link> _links = new();

    public void Add(string? key, int slot)
    {
        if (key is null)
            return;
        ref SlotList list = ref CollectionsMarshal.GetValueRefOrAddDefault(_byKey, key, out bool exists);
        if (!exists)
            list = new SlotList();
        _links.Reach(slot);
        SlotList<Link, Links>.Append(_links, ref list, slot);
    }

    public void Remove(string? key, int slot)
    {
        if (key is null)
            return;
        ref SlotList list = ref CollectionsMarshal.GetValueRefOrNullRef(_byKey, key);
        SlotList<Link, Links>.Remove(_links, ref list, slot);
        if (list.First == SlotList.None)
            _byKey.Remove(key);
    }

    public IEnumerable<int> SlotsOf(string key)
    {
        if (!_byKey.TryGetValue(key, out SlotList list))
            yield break;
        for (int slot = list.First; slot != SlotList.None; slot = SlotList<Link, Links>.Next(_links, slot))
            yield return slot;
    }

    private readonly struct Links : ILinksOf<Link>
    {
        public static ref Link In(ref Link slot) => ref slot;
    }
}
