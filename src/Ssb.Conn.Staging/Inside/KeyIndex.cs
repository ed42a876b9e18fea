using System.Runtime.InteropServices;

namespace Ssb.Conn;

/// <summary>All routes to a peer: the slots of a feed id, in order of arrival. Not thread-safe.</summary>
internal sealed class KeyIndex
{
    private readonly Dictionary<FeedId, SlotList> _byKey = [];
    private Link[] _links = new Link[16];

    public void Add(FeedId? feedId, int slot)
    {
        if (feedId is not { } key)
            return;
        ref SlotList list = ref CollectionsMarshal.GetValueRefOrAddDefault(_byKey, key, out bool exists);
        if (!exists)
            list = new SlotList();
        if (slot >= _links.Length)
            Array.Resize(ref _links, Math.Max(slot + 1, _links.Length * 2));
        SlotList<Link, Links>.Append(_links, ref list, slot);
    }

    public void Remove(FeedId? feedId, int slot)
    {
        if (feedId is not { } key)
            return;
        ref SlotList list = ref CollectionsMarshal.GetValueRefOrNullRef(_byKey, key);
        SlotList<Link, Links>.Remove(_links, ref list, slot);
        if (list.First == SlotList.None)
            _byKey.Remove(key);
    }

    public IEnumerable<int> SlotsOf(FeedId key)
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
